import Training
import XCTest

final class NumberTextTests: XCTestCase {
    func testNumbers() {
        XCTAssertEqual(NumberText.fixed(1.25, 1), "1.2")
        XCTAssertEqual(NumberText.fixed(-0.5, 3), "-0.500")
        XCTAssertEqual(NumberText.fixed(.nan, 2), "nan")
        XCTAssertEqual(NumberText.fixed(1e300, 0).count, 301)
        XCTAssertEqual(NumberText.short(0.1), "0.1")
        XCTAssertEqual(NumberText.short(0.000012345), "1.23e-05")
        XCTAssertEqual(NumberText.percent(0.9012), "90.12 %")
        XCTAssertEqual(NumberText.count(1, "step"), "1 step")
        XCTAssertEqual(NumberText.count(12_000, "step"), "12,000 steps")
    }

    func testGroups() {
        for (value, text) in [
            (0, "0"), (999, "999"), (1000, "1,000"), (60_000, "60,000"), (1_234_567, "1,234,567"), (-1000, "-1,000"),
        ] {
            XCTAssertEqual(NumberText.grouped(value), text)
        }
    }

    func testClock() {
        for (seconds, text) in [
            (0.0, "0:00"), (6.6, "0:07"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03"), (-1, "0:00"),
            (.infinity, "?"), (.nan, "?"),
        ] {
            XCTAssertEqual(NumberText.clock(seconds: seconds), text)
        }
    }

    func testJSONComesBackBitForBit() throws {
        let values: [Double] = [0.1 + 0.2, 1 / 3.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -0.0, .infinity, -.infinity]
        let read = try JSONText.decode([Double].self, from: try JSONText.encode(values))
        XCTAssertEqual(read.map(\.bitPattern), values.map(\.bitPattern))
        XCTAssertTrue(try JSONText.decode([Double].self, from: try JSONText.encode([Double.nan]))[0].isNaN)
    }
}
