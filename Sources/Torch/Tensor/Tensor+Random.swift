import TorchCore

private enum Op {
    static let uniform = Operator("aten::uniform_")
    static let normal = Operator("aten::normal_")
    static let integers = Operator("aten::random_", "from")
    static let permutation = Operator("aten::randperm", "generator")
}

extension Tensor {
    /// Numbers drawn uniformly from [`low`, `high`).
    public static func uniform(
        _ shape: [Int], from low: Double = 0, to high: Double = 1, dtype: DType = .float32, device: Device = .cpu,
        generator: Generator = .default, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        drawn(Op.uniform, shape, low, high, dtype, device, generator, file, line)
    }

    /// Numbers drawn from the normal distribution.
    public static func normal(
        _ shape: [Int], mean: Double = 0, standardDeviation: Double = 1, dtype: DType = .float32,
        device: Device = .cpu, generator: Generator = .default, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        drawn(Op.normal, shape, mean, standardDeviation, dtype, device, generator, file, line)
    }

    /// Whole numbers drawn uniformly from a range.
    public static func randomIntegers(
        _ shape: [Int], in range: Range<Int>, dtype: DType = .int64, device: Device = .cpu,
        generator: Generator = .default, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let tensor = Tensor.empty(shape, dtype: dtype, device: device, file: file, line: line)
        return withoutGradients {
            call(Op.integers, file: file, line: line) {
                $0.push(tensor)
                $0.push(range.lowerBound)
                $0.push(range.upperBound as Int?)
                $0.push(generator: generator.handle)
            }
        }
    }

    /// The numbers from 0 to `count` - 1 in random order.
    public static func randomPermutation(
        _ count: Int, dtype: DType = .int64, device: Device = .cpu, generator: Generator = .default,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.permutation, file: file, line: line) {
            $0.push(count)
            $0.push(generator: generator.handle)
            $0.push(dtype as DType?)
            $0.pushNone()
            $0.push(device as Device?)
            $0.pushNone()
        }
    }

    private static func drawn(
        _ op: Operator, _ shape: [Int], _ first: Double, _ second: Double, _ dtype: DType, _ device: Device,
        _ generator: Generator, _ file: StaticString, _ line: UInt
    ) -> Tensor {
        let tensor = Tensor.empty(shape, dtype: dtype, device: device, file: file, line: line)
        return withoutGradients {
            call(op, file: file, line: line) {
                $0.push(tensor)
                $0.push(first)
                $0.push(second)
                $0.push(generator: generator.handle)
            }
        }
    }
}
