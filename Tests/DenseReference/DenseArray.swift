/// Numbers with a shape, in row-major order.
public struct DenseArray: Sendable {
    public var shape: [Int]
    public var values: [Double]

    public init(_ shape: [Int], _ values: [Double]) {
        precondition(values.count == shape.reduce(1, *), "\(values.count) values do not fill \(shape)")
        self.shape = shape
        self.values = values
    }

    public init(zeros shape: [Int]) { self.init(shape, [Double](repeating: 0, count: shape.reduce(1, *))) }

    /// The parts along the first dimension.
    public var parts: [DenseArray] {
        let size = shape[1...].reduce(1, *)
        return (0..<shape[0]).map { DenseArray(Array(shape[1...]), Array(values[$0 * size..<($0 + 1) * size])) }
    }

    /// Everything but the last dimension as rows.
    public var rows: [[Double]] {
        let width = shape[shape.count - 1]
        return stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
    }

    func map(_ change: (Double) -> Double) -> DenseArray { DenseArray(shape, values.map(change)) }
}
