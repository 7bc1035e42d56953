import Glibc

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A file that lines are appended to. Each call is one write to the system, so that what was written survives the
/// program's end, however it comes.
final class OutputFile: Sendable {
    let path: String
    private let descriptor: Int32

    /// - Parameter emptied: whether what is there goes.
    /// - Throws: ``TrainingError/outputUnusable(path:reason:)``.
    init(_ path: String, emptied: Bool) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (emptied ? O_TRUNC : 0), 0o666)
        guard descriptor >= 0 else {
            throw TrainingError.outputUnusable(path: path, reason: systemReason())
        }
    }

    deinit { close(descriptor) }

    /// The lines of a file; none where there is no such file.
    static func lines(_ path: String) -> [String] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").map(String.init)
    }

    /// Appends a text.
    /// - Throws: ``TrainingError/writeFailed(path:reason:)``.
    func append(_ text: String) throws {
        guard writeAll(text, to: descriptor) else {
            throw TrainingError.writeFailed(path: path, reason: systemReason())
        }
    }

    /// Replaces a whole file: at any moment the old text or the new one is there.
    /// - Throws: ``TrainingError/writeFailed(path:reason:)``.
    static func replace(_ path: String, with text: String) throws {
        let temporary = "\(path).\(getpid()).tmp"
        do {
            let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
            guard file >= 0 else { throw TrainingError.writeFailed(path: path, reason: systemReason()) }
            defer { close(file) }
            guard writeAll(text, to: file), rename(temporary, path) == 0 else {
                throw TrainingError.writeFailed(path: path, reason: systemReason())
            }
        } catch {
            unlink(temporary)
            throw error
        }
    }
}

/// What the system says about the call that just failed.
func systemReason() -> String { String(cString: strerror(errno)) }

/// Writes a whole text to a file descriptor. Interruptions by signals are not failures.
/// - Returns: false with `errno` set where it could not be written.
public func writeAll(_ text: String, to descriptor: Int32) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
        var done = 0
        while done < bytes.count {
            let count = write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}
