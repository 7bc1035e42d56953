import FOPCore
import TorchCore

/// The update of parameters, in place, for tensors of one device and type. Where `found_inf` is 1 nothing changes.
nonisolated(unsafe) let updateOperators = [
    // W <- W - lr (m + wd W) with m <- momentum m + d. Without momentum there are no buffers.
    ExportedOperator(
        """
        sgd_(Tensor(a!)[] parameters, Tensor[] directions, Tensor(b!)[] buffers, float lr, float momentum, \
        float weight_decay, Tensor found_inf) -> ()
        """
    ) { arguments in
        let (parameters, directions, buffers) = (arguments.tensors(), arguments.tensors(), arguments.tensors())
        let (rate, momentum, decay) = (arguments.double(), arguments.double(), arguments.double())
        let foundInfinity = arguments.tensor()
        applyDecoupledWeightDecay(parameters, learningRate: rate, decay: decay, foundInfinity: foundInfinity)
        applySGD(
            parameters, gradients: directions, buffers: buffers, learningRate: rate, momentum: momentum,
            foundInfinity: foundInfinity)
        return []
    },
    ExportedOperator(
        """
        adamw_(Tensor(a!)[] parameters, Tensor[] gradients, Tensor(b!)[] averages, Tensor(c!)[] squares, \
        Tensor(d!)[] steps, float lr, float beta1, float beta2, float epsilon, float weight_decay, \
        Tensor found_inf) -> ()
        """
    ) { arguments in
        let (parameters, gradients) = (arguments.tensors(), arguments.tensors())
        let (averages, squares, steps) = (arguments.tensors(), arguments.tensors(), arguments.tensors())
        let (rate, beta1, beta2) = (arguments.double(), arguments.double(), arguments.double())
        let (epsilon, decay, foundInfinity) = (arguments.double(), arguments.double(), arguments.tensor())
        applyAdamW(
            parameters, gradients: gradients, averages: averages, squares: squares, steps: steps,
            learningRate: rate, betas: (beta1, beta2), epsilon: epsilon, weightDecay: decay,
            foundInfinity: foundInfinity)
        return []
    },
    // A truth value without dimensions, on the first tensor's device.
    ExportedOperator("all_finite(Tensor[] tensors) -> Tensor") { arguments in
        let tensors = arguments.tensors()
        guard let device = tensors.first?.device else { throw TorchError.invalidValue("all_finite needs a tensor") }
        // A sum is finite only if its terms are.
        let sums = tensors.map { $0.sum().to(.float64).to(device) }
        return [.tensor(Tensor.stacked(sums).sum().isFinite())]
    },
]
