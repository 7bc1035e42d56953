import XCTest

@testable import Datasets

final class SplitMix64Tests: XCTestCase {
    /// The numbers of Vigna's reference implementation, splitmix64.c.
    func testReferenceNumbers() {
        var random = SplitMix64(seed: 1_234_567)
        XCTAssertEqual(
            (0..<5).map { _ in random.next() },
            [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    func testPathsDiffer() {
        var first: Set<UInt64> = []
        for seed in 0..<4 {
            for purpose in 1..<4 {
                for epoch in 0..<10 {
                    for batch in 0..<10 {
                        var random = SplitMix64(
                            seed: UInt64(seed), path: [purpose, epoch, batch].map { UInt64($0) })
                        first.insert(random.next())
                    }
                }
            }
        }
        XCTAssertEqual(first.count, 1200)
    }

    func testBoundedNumbers() {
        var random = SplitMix64(seed: 1)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<7000 { counts[random.next(below: 7)] += 1 }
        // 1000 expected, deviation 29.
        for count in counts { XCTAssertEqual(Double(count), 1000, accuracy: 150) }
        XCTAssertEqual(random.next(below: 1), 0)
    }

    func testUniform() {
        var random = SplitMix64(seed: 2)
        let draws = (0..<2000).map { _ in random.uniform(-1, 3) }
        XCTAssertTrue(draws.allSatisfy { (-1..<3).contains($0) })
        XCTAssertEqual(draws.reduce(0, +) / 2000, 1, accuracy: 0.15)
    }
}
