import TestSupport
import Torch
import XCTest

/// Module.state, Module.load and Module.to.
final class SerializationStateTests: XCTestCase {
    private final class Net: Module {
        let conv: Conv2d
        let norm = BatchNorm(4)
        let heads: [Linear]

        init(seed: UInt64) {
            let generator = Generator(seed: seed)
            conv = Conv2d(1, 4, kernel: 3, generator: generator)
            heads = [Linear(4, 2, generator: generator), Linear(4, 2, bias: false, generator: generator)]
            super.init()
        }
    }

    /// Two layers that hold one parameter.
    private final class Tied: Module {
        let first: Parameter
        let second: Parameter

        override init() {
            first = Parameter(.ones([2, 2]))
            second = first
            super.init()
        }
    }

    private static let names = [
        "conv.bias", "conv.weight", "heads.0.bias", "heads.0.weight", "heads.1.weight", "norm.bias",
        "norm.num_batches_tracked", "norm.running_mean", "norm.running_var", "norm.weight",
    ]

    func testStateHasTorchsNames() {
        let net = Net(seed: 1)
        XCTAssertEqual(net.state.keys.sorted(), SerializationStateTests.names)
        XCTAssertTrue(net.state.values.allSatisfy { !$0.requiresGradient })
        net.state["conv.weight"]!.fill(2)
        XCTAssertEqual(net.conv.weight.value.min().item(as: Float.self), 2, "the state is the model's memory")
    }

    func testFileCarriesAModel() throws {
        try withTemporaryDirectory { directory in
            let (one, two) = (Net(seed: 1), Net(seed: 2))
            one.norm.runningMean.value.fill(3)
            XCTAssertFalse(one.state["conv.weight"]!.isEqual(to: two.state["conv.weight"]!))
            try SafetensorsFile.write(tensors: one.state, to: directory + "/net.safetensors")
            let handle = two.conv.weight.value.handle
            try two.load(try SafetensorsFile.read(directory + "/net.safetensors").tensors)
            assertIdentical(two.state, one.state)
            XCTAssertEqual(two.conv.weight.value.handle, handle, "copied in place")
            XCTAssertTrue(two.conv.weight.value.requiresGradient)
        }
    }

    func testMismatchesNameTheFirstAndChangeNothing() throws {
        let net = Net(seed: 1)
        let before = net.state.mapValues { $0.cloned() }
        let good = Net(seed: 2).state
        let cases: [(String, (inout [String: Tensor]) -> Void)] = [
            ("'norm.bias' is missing", { $0["norm.weight"] = nil; $0["norm.bias"] = nil }),
            ("'extra' is in the saved state, but not here", { $0["extra"] = .zeros([1]); $0["more"] = .zeros([1]) }),
            (
                "'conv.weight' has the shape [4, 1, 5, 5] in the saved state, [4, 1, 3, 3] here",
                { $0["conv.weight"] = .zeros([4, 1, 5, 5]); $0["heads.1.weight"] = .zeros([1]) }
            ),
            ("'conv.bias' has the shape []", { $0["conv.bias"] = Tensor(1.0) }),
            ("'norm.num_batches_tracked' has the type float32", { $0["norm.num_batches_tracked"] = .zeros([]) }),
            ("'conv.bias' has no values", { $0["conv.bias"] = .undefined }),
        ]
        for (message, change) in cases {
            var state = good
            change(&state)
            assertThrowsTorchError(try net.load(state)) { error in
                guard case .stateMismatch(let text) = error else { return XCTFail("\(error)") }
                assertContains(text, message)
            }
            assertIdentical(net.state, before, message)
        }
    }

    func testLoadConvertsFloatingTypes() throws {
        let net = Net(seed: 1)
        let state = Net(seed: 2).state.mapValues { $0.dtype.isFloatingPoint ? $0.to(.float64) : $0 }
        try net.load(state)
        assertIdentical(net.state["conv.weight"]!, state["conv.weight"]!.to(.float32))
    }

    func testSharedParametersAreSavedOnceAndStayShared() throws {
        let tied = Tied()
        XCTAssertEqual(Array(tied.state.keys), ["first"])
        try tied.to(dtype: .float64)
        XCTAssertEqual(tied.first.value.dtype, .float64)
        XCTAssertEqual(tied.first.value.handle, tied.second.value.handle)
        try tied.load(["first": .zeros([2, 2])])
        XCTAssertEqual(tied.second.value.sum().item(as: Double.self), 0)
    }

    func testMovingChangesFloatingTypesOnly() throws {
        let net = Net(seed: 1)
        let before = net.state.mapValues { $0.cloned() }
        let weight = net.conv.weight
        XCTAssertTrue(try net.to(device: .cpu, dtype: .float64) === net)
        XCTAssertTrue(net.conv.weight === weight)
        for (name, tensor) in net.state {
            XCTAssertEqual(tensor.dtype, name == "norm.num_batches_tracked" ? .int64 : .float64, name)
        }
        XCTAssertTrue(weight.value.requiresGradient)
        XCTAssertFalse(net.norm.runningMean.value.requiresGradient)
        try net.to(dtype: .float32)
        assertIdentical(net.state, before)
    }

    func testMovingToWhatIsNotThere() {
        let net = Net(seed: 1)
        assertThrowsTorchError(try net.to(device: .mps, dtype: .float64)) { error in
            guard case .deviceUnavailable = error else { return XCTFail("\(error)") }
        }
        assertThrowsTorchError(try net.to(dtype: .int32)) { error in
            XCTAssertEqual(error, .invalidValue("a model's type is a floating-point one, int32 is not"))
        }
        XCTAssertEqual(net.conv.weight.value.dtype, .float32)
    }

    func testMovedModelTrains() throws {
        let net = try Net(seed: 1).to(dtype: .float64)
        let loss = net.conv(randomTensor([2, 1, 5, 5], dtype: .float64)).sum()
        XCTAssertEqual(gradients(of: [loss], withRespectTo: [net.conv.weight.value])[0]?.dtype, .float64)
    }
}
