import TestSupport
import Torch
import XCTest

/// Our files in Python's `safetensors`, and its files here. Needs FOP_TEST_PYTHON.
final class SerializationPythonTests: XCTestCase {
    func testPythonReadsOurFile() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("ours.safetensors")
        let tensors = [
            "layer.weight": Tensor([1.5, -2, 3, 4, 5, 6] as [Float], shape: [2, 3]).transposed(),
            "layer.double": Tensor([0.1, 1e300]), "half": Tensor([0.5, 65504]).to(.float16),
            "i64": Tensor([Int64.min, Int64.max]), "i32": Tensor([Int32.min]), "i16": Tensor([Int16.max]),
            "i8": Tensor([Int8.min]), "u8": Tensor([UInt8.max]), "flag": Tensor([true, false]), "single": Tensor(2.5),
            "empty": .zeros([0, 4]), "ü 🙂 \"q\"": Tensor([7.0]),
        ]
        try SafetensorsFile.write(tensors: tensors, metadata: ["epoch": "3", "text": "ü\n\"x\""], to: path)
        try runPython(
            #"""
            import sys, numpy as np
            from safetensors import safe_open
            expected = {
                "layer.weight": np.array([[1.5, 4], [-2, 5], [3, 6]], np.float32),
                "layer.double": np.array([0.1, 1e300]), "half": np.array([0.5, 65504], np.float16),
                "i64": np.array([-2**63, 2**63 - 1]), "i32": np.array([-2**31], np.int32),
                "i16": np.array([2**15 - 1], np.int16), "i8": np.array([-128], np.int8),
                "u8": np.array([255], np.uint8), "flag": np.array([True, False]), "single": np.array(2.5),
                "empty": np.zeros((0, 4), np.float32),
                "ü 🙂 \"q\"": np.array([7.0]),
            }
            with safe_open(sys.argv[1], framework="np") as file:
                assert file.metadata() == {"epoch": "3", "text": "ü\n\"x\""}, file.metadata()
                assert set(file.keys()) == set(expected), file.keys()
                for name, value in expected.items():
                    found = file.get_tensor(name)
                    assert found.dtype == value.dtype and found.shape == value.shape, (name, found)
                    assert np.array_equal(found, value), (name, found)
            """#, [path])
    }

    func testWeReadPythonsFile() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("theirs.safetensors")
        try runPython(
            #"""
            import sys, numpy as np
            from safetensors.numpy import save_file
            save_file({
                "weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4, "double": np.array([0.1, -1e300]),
                "half": np.array([0.5, 2], np.float16), "i64": np.array([[-5], [2**40]]),
                "i32": np.array([-7], np.int32), "i16": np.array([300], np.int16), "i8": np.array([-1], np.int8),
                "u8": np.array([200], np.uint8),
                "flag": np.array([True, False, True]), "single": np.array(1.25), "empty": np.zeros((2, 0)),
            }, sys.argv[1], metadata={"made by": "Python ü"})
            """#, [path])
        let (tensors, metadata) = try SafetensorsFile.read(path)
        assertIdentical(
            tensors,
            [
                "weight": Tensor([0, 0.25, 0.5, 0.75, 1, 1.25] as [Float], shape: [2, 3]),
                "double": Tensor([0.1, -1e300]), "half": Tensor([0.5, 2]).to(.float16),
                "i64": Tensor([-5, 1 << 40], shape: [2, 1]),
                "i32": Tensor([Int32(-7)]), "i16": Tensor([Int16(300)]), "i8": Tensor([Int8(-1)]),
                "u8": Tensor([UInt8(200)]), "flag": Tensor([true, false, true]), "single": Tensor(1.25),
                "empty": .zeros([2, 0], dtype: .float64),
            ])
        XCTAssertEqual(metadata, ["made by": "Python ü"])
    }
}
