import Glibc
import TorchCore

/// Writes a file so that its path holds either the old contents or the new ones, complete, at any moment.
///
/// The contents go to a temporary name in the same directory and are waited for; then the name is changed. On failure
/// the temporary file is removed and the old one untouched.
/// - Throws: ``TorchError/file(path:message:)`` with the system's reason, or what `body` throws.
func replaceFile(at path: String, _ body: (borrowing FileDescriptor) throws -> Void) throws {
    guard !path.isEmpty else { throw TorchError.file(path: path, message: "a path expected, it is empty") }
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
        throw TorchError.file(path: path, message: "cannot be written: it is not a regular file")
    }
    let (directory, name) = splitPath(path)
    let temporary = "\(directory)/.\(name.prefix(100)).\(getpid())-\(UInt32.random(in: 0...UInt32.max)).tmp"
    var finished = false
    do {
        let file = try FileDescriptor(open: temporary, O_WRONLY | O_CREAT | O_EXCL, reportedAs: path)
        defer { if !finished { unlink(temporary) } }
        try body(file)
        try file.synchronize()
        guard rename(temporary, path) == 0 else { throw TorchError.system(path, "cannot be replaced") }
        finished = true
    }
    // The new name itself; not every file system can, and the contents are safe already.
    if let folder = try? FileDescriptor(open: directory, O_RDONLY | O_DIRECTORY) { try? folder.synchronize() }
}

private func splitPath(_ path: String) -> (directory: String, name: Substring) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path[...]) }
    let directory = path[..<slash]
    return (directory.isEmpty ? "/" : String(directory), path[path.index(after: slash)...])
}
