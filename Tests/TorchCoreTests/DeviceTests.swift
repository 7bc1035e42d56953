import TestSupport
import Torch
import XCTest

final class DeviceTests: XCTestCase {
    func testNotation() throws {
        XCTAssertEqual(try Device("cpu"), .cpu)
        XCTAssertEqual(try Device("cuda"), .cuda)
        XCTAssertEqual(try Device("cuda:3"), .cuda(3))
        XCTAssertEqual(Device.cuda(3).description, "cuda:3")
        XCTAssertEqual(Device.cpu.description, "cpu")
        for wrong in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:1:2", "cuda:200", "CPU"] {
            assertThrowsTorchError(try Device(wrong)) { error in
                guard case .invalidValue(let text) = error else { return XCTFail("\(error)") }
                assertContains(text, "'\(wrong)'")
            }
        }
    }

    func testCPUIsThere() throws {
        XCTAssertEqual(try Device.cpu.validated(), .cpu)
        XCTAssertEqual(Tensor.zeros([1]).device, .cpu)
        XCTAssertEqual(try Device("cpu:0").validated(), try Device("cpu:0"))
    }

    func testMissingDevicesAreTypedErrors() throws {
        for device in [Device.mps, .cuda(100)] {
            assertThrowsTorchError(try device.validated()) { error in
                guard case .deviceUnavailable(let text) = error else { return XCTFail("\(error)") }
                assertContains(text, "device \(device) is not available: ")
                XCTAssertFalse(text.contains("\n"), text)
                XCTAssertLessThan(text.count, 300)
            }
        }
        try XCTSkipIf(TorchRuntime.cudaDeviceCount > 0, "there is a GPU")
        assertThrowsTorchError(try Device.cuda.validated()) { error in
            guard case .deviceUnavailable = error else { return XCTFail("\(error)") }
        }
    }

    func testThreads() throws {
        let before = TorchRuntime.threadCount
        defer { TorchRuntime.threadCount = before }
        try TorchRuntime.setThreadCount(3)
        XCTAssertEqual(TorchRuntime.threadCount, 3)
        for wrong in [0, -1, 1025, Int.max] {
            assertThrowsTorchError(try TorchRuntime.setThreadCount(wrong)) { error in
                XCTAssertEqual(error, .invalidValue("\(wrong) threads: a number from 1 to 1024 expected"))
            }
        }
        TorchRuntime.threadCount = -5
        XCTAssertEqual(TorchRuntime.threadCount, 1)
    }

    func testTypes() {
        for dtype in DType.allCases {
            let tensor = Tensor.zeros([2], dtype: dtype)
            XCTAssertEqual(tensor.dtype, dtype)
            XCTAssertEqual(DType(name: dtype.description), dtype)
            XCTAssertEqual(tensor.withUnsafeBytes { $0.count }, 2 * dtype.byteCount)
        }
        XCTAssertNil(DType(name: "complex64"))
        XCTAssertEqual(Tensor([UInt8(200)]).scalars(as: Int.self), [200])
        XCTAssertEqual(Tensor([true, false]).scalars(as: Bool.self), [true, false])
        XCTAssertEqual(Tensor([Int16(-3)]).dtype, .int16)
        XCTAssertEqual(Tensor(2.5).item(as: Float.self), 2.5)
        XCTAssertEqual(Tensor.undefined.dtype, .float32)
        XCTAssertEqual(Tensor.undefined.shape, [])
    }

    func testMovingWithinTheCPUCopiesNothing() {
        let x = Tensor([1.0])
        XCTAssertEqual(x.to(.cpu).handle, x.handle)
        XCTAssertEqual(x.to(.float64).handle, x.handle)
        XCTAssertEqual(x.to(.meta).device, .meta)
    }

    func testGradientModeIsRestored() {
        XCTAssertTrue(GradMode.isEnabled)
        struct Own: Error {}
        XCTAssertThrowsError(
            try withoutGradients {
                XCTAssertFalse(GradMode.isEnabled)
                withGradients(enabled: true) { XCTAssertTrue(GradMode.isEnabled) }
                XCTAssertFalse(GradMode.isEnabled)
                throw Own()
            })
        XCTAssertTrue(GradMode.isEnabled)
    }
}
