/// Where in a program an operator that failed was called from.
///
/// Functions take the caller's place as `#fileID` and `#line` defaults. Infix operators and layers called like
/// functions cannot: what they pass on is a place in this package. In that case, and only when something failed
/// already, the stack is searched. In a release build the line is that of the optimized code, which may be one beside
/// the user's.
public enum CallerLocation {
    /// A file and a line.
    public typealias Place = (file: String, line: UInt)

    /// Walks the calling thread's stack outwards and returns the first place in a file for which `isOurs` is false.
    /// Put in by `Torch` at start-up: reading stacks needs a library that the wheel goes without.
    public nonisolated(unsafe) static var search: (@Sendable (_ isOurs: (_ path: String) -> Bool) -> Place?)?

    /// The modules whose own lines are not what a user wants to read.
    private static let ourModules = ["TorchCore", "Torch", "FOPCore", "FOP", "CTorchShim"]

    /// Whether a file of the debug information is one of ours. Code that was inlined into other modules has relative
    /// paths.
    private static func isOurs(_ path: String) -> Bool {
        let folders = path.split(separator: "/")
        return zip(folders, folders.dropFirst()).contains { $0 == "Sources" && ourModules.contains(String($1)) }
    }

    /// The place to report for a failure that was told to be at `file` and `line`: these, or where the stack leaves
    /// this package if they are in it.
    static func user(_ file: StaticString, _ line: UInt) -> Place {
        let told = (file: "\(file)", line: line)
        let module = told.file.prefix { $0 != "/" }
        guard ourModules.contains(where: { $0 == module }) else { return told }
        return search?(isOurs) ?? told
    }
}
