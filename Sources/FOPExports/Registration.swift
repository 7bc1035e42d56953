import CFOPExports
import CTorch
import Glibc
import TorchCore

/// One operator of the `fop` namespace.
struct ExportedOperator {
    /// Its schema in torch's notation, without the namespace.
    let schema: String
    /// Takes all arguments, then does the work. Operators that fail inside make it fail, with torch's message.
    let run: (inout KernelArguments) throws -> [KernelResult]

    init(_ schema: String, _ run: @escaping (inout KernelArguments) throws -> [KernelResult]) {
        self.schema = schema
        self.run = run
    }

    var name: String { String(schema.prefix { $0 != "(" }) }
}

/// By number. Never changes.
private nonisolated(unsafe) let operators: [ExportedOperator] =
    engineOperators + recordOperators + stepOperators + stateOperators + updateOperators

/// Registers everything with the dispatcher. Called once, when the library is loaded.
@_cdecl("fop_register_operators")
func registerOperators() {
    var definitions: OpaquePointer?
    var kernels: OpaquePointer?
    require(aoti_torch_library_init_fragment("fop", "fop", 0, &definitions), "aoti_torch_library_init_fragment")
    require(
        aoti_torch_library_init_impl("fop", "CompositeExplicitAutograd", "fop", 0, &kernels),
        "aoti_torch_library_init_impl")
    for (number, exported) in operators.enumerated() {
        guard let kernel = fop_kernel_at(Int32(number)) else {
            fatalError("fop: more operators than fop_kernel_capacity")
        }
        require(aoti_torch_library_def(definitions, exported.schema), "aoti_torch_library_def(\(exported.schema))")
        require(torch_library_impl(kernels, exported.name, kernel, 2 << 56 | 10 << 48), "torch_library_impl")
    }
    // Both stay for ever: the operators go with them.
}

/// Fails only where the library is loaded twice, or into something that is not a torch of 2.10 or later.
private func require(_ status: Int32, _ call: String) {
    if status != 0 { fatalError("fop: \(call) failed: is the library loaded twice?") }
}

/// Runs an operator on the dispatcher's stack.
/// - Returns: nil, or the text of a failure, which the caller frees.
@_cdecl("fop_run_operator")
func runOperator(_ number: Int32, _ stack: UnsafeMutablePointer<UInt64>) -> UnsafeMutablePointer<CChar>? {
    do {
        let results = try TorchError.catching {
            try withoutGradients {
                var arguments = KernelArguments(stack)
                return try operators[Int(number)].run(&arguments)
            }
        }
        for (index, result) in results.enumerated() { stack[index] = result.stackValue }
        return nil
    } catch {
        return strdup("\(error)")
    }
}
