import DenseComparison
import FOPCore
import TorchCore
import XCTest

/// Compares the products of a block that takes stacks with those of each V by itself.
func assertTakesStacks(
    _ block: any FisherBlock, _ V: Tensor, _ title: String, file: StaticString = #filePath, line: UInt = #line
) {
    XCTAssertTrue(block.takesStacks, title, file: file, line: line)
    let all = [V, V * V, V * -3]
    for (name, product) in [
        ("F", block.fisherProduct), ("M", block.dampedProduct), ("M^-1", block.precondition),
    ] {
        let stack = product(Tensor.stacked(all))
        XCTAssertEqual(stack.shape, [3] + block.shape, "\(title): \(name)", file: file, line: line)
        assertReference(
            stack, all.flatMap { product($0).scalars(as: Double.self) }, "\(title): \(name) of a stack", file: file,
            line: line)
    }
}
