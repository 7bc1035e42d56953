import TorchCore

/// The products of a layer, or of neighbours that are computed as one, with its Fisher block and with the inverse of the
/// damped one. They take several V at once, as a new first dimension.
struct LayerProducts {
    /// The shape of V.
    let shape: [Int]
    /// V -> F V
    let metric: (Tensor) -> Tensor
    /// V -> M^-1 V
    let preconditioner: (Tensor) -> Tensor

    var count: Int { shape.reduce(1, *) }
}

extension LayerProducts {
    /// Products that take one V at a time.
    init(
        ofOne shape: [Int], metric: @escaping (Tensor) -> Tensor, preconditioner: @escaping (Tensor) -> Tensor
    ) {
        func each(_ product: @escaping (Tensor) -> Tensor) -> (Tensor) -> Tensor {
            { Tensor.stacked($0.unstacked().map(product)) }
        }
        self.init(shape: shape, metric: each(metric), preconditioner: each(preconditioner))
    }

    /// Those of a block.
    init(_ block: any FisherBlock, metric: ProjectionMetric) {
        let product = metric == .fisher ? block.fisherProduct : block.dampedProduct
        if block.takesStacks {
            self.init(shape: block.shape, metric: product, preconditioner: block.precondition)
        } else {
            self.init(ofOne: block.shape, metric: product, preconditioner: block.precondition)
        }
    }
}
