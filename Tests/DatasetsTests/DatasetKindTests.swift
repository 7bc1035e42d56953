import Datasets
import TestSupport
import XCTest

final class DatasetKindTests: XCTestCase {
    func testNames() throws {
        XCTAssertEqual(try DatasetKind(name: "fashion-mnist"), .fashionMNIST)
        XCTAssertEqual(try DatasetKind(name: "shapes"), .shapes)
    }

    func testUnknownName() {
        assertThrows(
            try DatasetKind(name: "mnist"), saying: "no data set 'mnist'", "use fashion-mnist or shapes")
    }

    func testLoadPassesTheFolderOn() throws {
        let empty = try TemporaryDirectory()
        assertThrows(try DatasetKind.fashionMNIST.load(directory: empty.path), saying: empty.path, "make data")
    }

    func testErrorsAreEquatable() {
        XCTAssertThrowsError(try DatasetKind(name: "x")) { error in
            XCTAssertEqual(
                error as? DatasetError, .unknownDataset(name: "x", legal: ["fashion-mnist", "shapes"]))
        }
    }
}
