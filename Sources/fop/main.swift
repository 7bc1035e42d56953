import Torch
TorchRuntime.start()
let a = Tensor([1.0, 2.0, 3.0, 4.0] as [Float], shape: [2, 2])
print((a.matmul(a) + a * 2).scalars(as: Float.self), TorchRuntime.version)
