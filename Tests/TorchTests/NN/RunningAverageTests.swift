import TestSupport
import Torch
import XCTest

/// What becomes of batch normalisation's running averages, and of buffers in general, after forward passes.
final class RunningAverageTests: XCTestCase {
    private let good = randomTensor([6, 3], seed: 1)
    private let notANumber = randomTensor([6, 3], seed: 2) * .nan
    /// Its mean is finite, its variance is not.
    private let large = Tensor([1e30, -1e30, 1e30, -1e30], shape: [4, 1]).to(.float32) + Tensor.zeros([4, 3])

    private func averages(_ layer: BatchNorm) -> [Tensor] {
        [layer.runningMean.value.cloned(), layer.runningVariance.value.cloned()]
    }

    /// Without an optimizer: neither what is read nor what is saved has anything of a batch that is not finite, and
    /// those around it count as if it had not been there.
    func testABatchThatIsNotFiniteLeavesTheAverages() throws {
        for bad in [notANumber, large] {
            for hasGradients in [true, false] {
                try withGradients(enabled: hasGradients) {
                    let (layer, expected) = (BatchNorm(3), BatchNorm(3))
                    _ = layer(bad)
                    assertIdentical(averages(layer), averages(BatchNorm(3)))
                    for batch in [good, bad, bad, good, bad] { _ = layer(batch) }
                    for batch in [good, good] { _ = expected(batch) }
                    let saved = layer.state
                    for (name, average) in expected.state where name.hasPrefix("running") {
                        try assertIdentical(XCTUnwrap(saved[name]), average, name)
                    }
                    XCTAssertEqual(layer.batchCount.value.item(as: Int.self), 6)

                    layer.evaluate()
                    expected.evaluate()
                    _ = layer(bad)
                    assertIdentical(layer(good), expected(good))
                }
            }
        }
    }

    /// Whether the averages are finite is asked when somebody reads them, and decided on the device.
    func testAForwardPassCallsFewOperators() {
        let layer = BatchNorm(3)
        let reads = Tensor.hostReadCount
        // Two clones, the normalisation and the count of batches.
        XCTAssertEqual(countingOperatorCalls { _ = layer(good) }, 4)
        XCTAssertGreaterThan(countingOperatorCalls { _ = layer.runningMean.value }, 0)
        XCTAssertEqual(countingOperatorCalls { _ = layer.runningVariance.value }, 1, "the verdict is the mean's")
        XCTAssertEqual(countingOperatorCalls { _ = (layer.runningMean.value, layer.runningVariance.value) }, 0)
        XCTAssertEqual(Tensor.hostReadCount, reads)
    }

    // MARK: Buffers

    private func buffers(_ values: Double...) -> [Buffer] { values.map { Buffer(Tensor($0)) } }

    private func propose(_ buffers: [Buffer], _ values: Double...) {
        Buffer.proposeIfFinite(zip(buffers, values).map { ($0, Tensor($1)) })
    }

    private func values(_ buffers: [Buffer]) -> [Double] { buffers.map { $0.value.item(as: Double.self) } }

    func testBuffersThatBelongTogetherTakeAllOrNone() {
        let pair = buffers(1, 2)
        for bad in [Double.nan, .infinity, -.infinity] {
            propose(pair, 3, bad)
            XCTAssertEqual(values(pair.reversed()), [2, 1])
            propose(pair, bad, 3)
            XCTAssertEqual(values(pair), [1, 2])
        }
        propose(pair, .greatestFiniteMagnitude, -.greatestFiniteMagnitude)
        XCTAssertEqual(values(pair), [.greatestFiniteMagnitude, -.greatestFiniteMagnitude])
        // Nothing in it that could be wrong.
        let empty = Buffer(Tensor.zeros([0]))
        Buffer.proposeIfFinite([(empty, Tensor.zeros([0]))])
        XCTAssertEqual(empty.value.shape, [0])
    }

    func testManyBuffersAreAskedAtOnce() {
        let (first, second) = (buffers(1, 2), buffers(3))
        let all = first + second
        XCTAssertNil(Buffer.proposalsAreFinite(all))
        propose(first, 4, 5)
        propose(second, 6)
        XCTAssertEqual(Buffer.proposalsAreFinite(all)?.item(as: Bool.self), true)
        propose(second, .nan)
        XCTAssertEqual(Buffer.proposalsAreFinite(all)?.item(as: Bool.self), false)
        XCTAssertEqual(Buffer.proposalsAreFinite(first)?.item(as: Bool.self), true)
        // One is a half of what is undecided.
        XCTAssertEqual(Buffer.proposalsAreFinite([first[1]])?.item(as: Bool.self), true)
        for buffer in all { buffer.settle() }
        XCTAssertEqual(values(all), [4, 5, 6])
        XCTAssertNil(Buffer.proposalsAreFinite(all))
    }

    /// Known to be finite, nothing is left to find out.
    func testSettledValuesStayAndRevertedOnesGo() {
        let pair = buffers(1, 2)
        propose(pair, 3, 4)
        for buffer in pair { buffer.settle(isFinite: true) }
        XCTAssertNil(Buffer.proposalsAreFinite(pair))
        propose(pair, .nan, 5)
        propose(pair, 6, 7)
        for buffer in pair { buffer.revert() }
        XCTAssertNil(Buffer.proposalsAreFinite(pair))
        XCTAssertEqual(values(pair), [3, 4])

        withoutGradients { propose(pair, .nan, 8) }
        for buffer in pair { buffer.revert() }
        XCTAssertEqual(values(pair), [3, 4], "not finite")
        withoutGradients { propose(pair, 9, 10) }
        for buffer in pair { buffer.revert() }
        XCTAssertEqual(values(pair), [9, 10], "for good at once")
    }

    /// A value that is assigned is there whatever becomes of the proposal.
    func testAssignedValuesAreNotDecidedOn() {
        let pair = buffers(1, 2)
        propose(pair, .nan, 3)
        pair[0].value = Tensor(4.0)
        XCTAssertEqual(values(pair), [4, 2])
    }
}
