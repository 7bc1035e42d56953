import Datasets
import TestSupport
import Torch
import XCTest

final class FashionMNISTTests: XCTestCase {
    private var directory: TemporaryDirectory!

    override func setUpWithError() throws {
        directory = try TemporaryDirectory()
        let contents = [idx([5, 28, 28]), idx([5], [0, 9, 4, 4, 1]), idx([3, 28, 28]), idx([3], [7, 8, 9])]
        for (name, bytes) in zip(FashionMNIST.fileNames, contents) { try directory.write(name, bytes) }
    }
    override func tearDown() { directory = nil }

    private func load() throws -> (train: ImageDataset, test: ImageDataset) {
        try FashionMNIST.load(directory: directory.path)
    }

    private func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: directory.file(name))
    }

    func testLoad() throws {
        let (train, test) = try load()
        XCTAssertEqual(train.name, "fashion-mnist/train")
        XCTAssertEqual(train.images.shape, [5, 1, 28, 28])
        XCTAssertEqual(train.images.dtype, .uint8)
        XCTAssertEqual(bytes(of: train.images), Array(idx([5, 28, 28])[16...]))
        XCTAssertEqual(train.labels.dtype, .int64)
        XCTAssertEqual(train.labels.scalars(as: Int.self), [0, 9, 4, 4, 1])
        XCTAssertEqual(train.classCount, 10)
        XCTAssertEqual(train.normalization, try Normalization(mean: [0.2860], standardDeviation: [0.3530]))
        XCTAssertEqual(test.count, 3)
        XCTAssertEqual(test.labels.scalars(as: Int.self), [7, 8, 9])
    }

    func testEitherFormOfEachFile() throws {
        try remove("train-images-idx3-ubyte")
        try directory.write("train-images-idx3-ubyte.gz", gzip(idx([5, 28, 28], [UInt8](repeating: 3, count: 5 * 784))))
        // Where both are there, the plain one is read.
        try directory.write("t10k-labels-idx1-ubyte.gz", [1, 2, 3])
        let (train, test) = try load()
        XCTAssertEqual(Set(bytes(of: train.images)), [3])
        XCTAssertEqual(test.labels.scalars(as: Int.self), [7, 8, 9])
    }

    func testWrongDimensions() throws {
        try directory.write("t10k-images-idx3-ubyte", idx([3, 28, 27]))
        assertThrows(
            try load(), saying: directory.file("t10k-images-idx3-ubyte"), "one or more images of 28 x 28 expected",
            "found the dimensions 3 x 28 x 27", "check that the file belongs")
        try directory.write("t10k-images-idx3-ubyte", idx([0, 28, 28]))
        assertThrows(try load(), saying: "one or more images of 28 x 28", "0 x 28 x 28")
    }

    func testLabelOutOfRange() throws {
        try directory.write("train-labels-idx1-ubyte", idx([5], [0, 1, 2, 10, 3]))
        assertThrows(
            try load(), saying: directory.file("train-labels-idx1-ubyte"), "label 10 at position 3",
            "labels from 0 to 9 expected", "check")
    }

    func testCountsThatDiffer() throws {
        try directory.write("train-labels-idx1-ubyte", idx([4], [0, 1, 2, 3]))
        assertThrows(
            try load(), saying: directory.file("train-labels-idx1-ubyte") + ": 5 labels expected",
            directory.file("train-images-idx3-ubyte"), "4 found", "same source")
    }

    func testExchangedFiles() throws {
        try directory.write("train-labels-idx1-ubyte", idx([5, 28, 28]))
        assertThrows(
            try load(), saying: directory.file("train-labels-idx1-ubyte"), "begin with 00 00 08 01",
            "begins with 00 00 08 03")
    }

    func testCorruptFileIsNamed() throws {
        try remove("t10k-images-idx3-ubyte")
        var packed = gzip(idx([3, 28, 28]))
        packed[500] ^= 4
        try directory.write("t10k-images-idx3-ubyte.gz", packed)
        assertThrows(try load(), saying: directory.file("t10k-images-idx3-ubyte.gz"), "corrupt")
    }

    func testMissingFiles() throws {
        try remove("train-labels-idx1-ubyte")
        try remove("t10k-labels-idx1-ubyte")
        assertThrows(
            try load(), saying: "Fashion-MNIST: looked in \(directory.path) for", "plain or .gz",
            "did not find train-labels-idx1-ubyte, t10k-labels-idx1-ubyte;", "`make data`", "folder that holds them")
    }

    func testSearchPath() {
        func path(_ explicit: String?, _ environment: [String: String]) -> [String] {
            FashionMNIST.searchPath(explicit: explicit, environment: environment)
        }
        let system = "/usr/share/datasets/fashion-mnist"
        XCTAssertEqual(path("/d", ["FOP_DATA": "/e"]), ["/d"])
        XCTAssertEqual(path(nil, ["FOP_DATA": "/e", "FOP_CACHE": "/c"]), ["/e"])
        XCTAssertEqual(path(nil, ["FOP_DATA": "", "FOP_CACHE": "/c"]), ["/c/data/fashion-mnist", system])
        XCTAssertEqual(path(nil, [:]), [".cache/data/fashion-mnist", system])
    }

    func testSearchNamesEveryFolder() throws {
        XCTAssertEqual(
            try FashionMNIST.findDirectory(environment: ["FOP_DATA": directory.path]), directory.path)
        let empty = try TemporaryDirectory()
        guard !FileManager.default.fileExists(atPath: "/usr/share/datasets/fashion-mnist") else { return }
        assertThrows(
            try FashionMNIST.findDirectory(environment: ["FOP_CACHE": empty.path]),
            saying: "\(empty.path)/data/fashion-mnist, /usr/share/datasets/fashion-mnist", "train-images-idx3-ubyte")
    }

    func testRealImages() throws {
        let (train, test) = try FashionMNIST.load(directory: fashionMNISTDirectory())
        guard train.count == 60_000 else { throw XCTSkip("an excerpt of \(train.count) images") }
        XCTAssertEqual(test.count, 10_000)
        let perClass = (0..<10).map { label in
            train.labels.elementsEqual(Tensor(Int64(label))).to(.int64).sum().item(as: Int.self)
        }
        XCTAssertEqual(perClass, [Int](repeating: 6000, count: 10))
        // The recorded constants, by LibTorch's sums in float64.
        var (sum, squares) = (0.0, 0.0)
        for start in stride(from: 0, to: 60_000, by: 10_000) {
            let part = train.images.narrowed(0, from: start, length: 10_000).to(.float64) / 255
            sum += part.sum().item(as: Double.self)
            squares += (part * part).sum().item(as: Double.self)
        }
        let pixels = Double(60_000 * 784)
        let mean = sum / pixels
        XCTAssertEqual(mean, Double(train.normalization.mean[0]), accuracy: 5e-5)
        let deviation = (squares / pixels - mean * mean).squareRoot()
        XCTAssertEqual(deviation, Double(train.normalization.standardDeviation[0]), accuracy: 5e-5)
    }
}
