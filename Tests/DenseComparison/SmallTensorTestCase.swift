import Torch
import XCTest

/// Tests on many small tensors: they run with one thread, since threads that wait for each other are slow on a busy
/// machine.
open class SmallTensorTestCase: XCTestCase {
    private var threads = 0

    open override func setUp() {
        threads = TorchRuntime.threadCount
        TorchRuntime.threadCount = 1
    }

    open override func tearDown() { TorchRuntime.threadCount = threads }
}
