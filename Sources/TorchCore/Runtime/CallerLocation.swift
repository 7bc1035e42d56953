/// Where in a program an operator that failed was called from.
///
/// Functions take the caller's place as `#fileID` and `#line` defaults. Infix operators and layers called like
/// functions cannot: what they pass on is a place in this package. In that case, and only when something failed
/// already, the stack is searched.
public enum CallerLocation {
    /// A file and a line.
    public typealias Place = (file: String, line: UInt)

    /// Walks the calling thread's stack outwards and returns the first place in a file for which `isOurs` is false.
    /// Put in by `Torch` at start-up: reading stacks needs a library that the wheel goes without.
    public nonisolated(unsafe) static var search: (@Sendable (_ isOurs: (_ path: String) -> Bool) -> Place?)?

    /// The modules whose own lines are not what a user wants to read.
    private static let ourModules = ["TorchCore", "Torch", "FOPCore", "FOP", "CTorchShim"]

    /// The package's Sources folder as the compiler saw it.
    private static let sources: Substring = {
        let here = #filePath
        let parts = here.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        return Substring(parts.joined(separator: "/") + "/")
    }()

    private static let ourFolders = ourModules.map { sources + $0 + "/" }

    /// The place to report for a failure that was told to be at `file` and `line`: these, or where the stack leaves
    /// this package if they are in it.
    static func user(_ file: StaticString, _ line: UInt) -> Place {
        let told = (file: "\(file)", line: line)
        let module = told.file.prefix { $0 != "/" }
        guard ourModules.contains(where: { $0 == module }) else { return told }
        return search? { path in ourFolders.contains { path.hasPrefix($0) } } ?? told
    }
}
