import Glibc
import TorchCore

/// An open file of the operating system. Every call is checked and retried when a signal interrupts it.
struct FileDescriptor: ~Copyable {
    /// The path that errors name.
    let path: String
    private let number: Int32

    /// - Throws: ``TorchError/file(path:message:)`` with the system's reason, naming `path`.
    init(open path: String, _ flags: Int32, mode: mode_t = 0o666, reportedAs name: String? = nil) throws {
        self.path = name ?? path
        let number = Glibc.open(path, flags | O_CLOEXEC, mode)
        guard number >= 0 else { throw TorchError.system(self.path, "cannot be opened") }
        self.number = number
    }

    deinit { _ = Glibc.close(number) }

    /// The size in bytes.
    /// - Throws: ``TorchError/file(path:message:)``, also for what is not a regular file.
    func size() throws -> Int {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw TorchError.system(path, "cannot be read") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw TorchError.file(path: path, message: "is not a regular file")
        }
        return Int(status.st_size)
    }

    /// Fills `buffer` from a place in the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
        var done = 0
        while done < buffer.count {
            let count = pread(number, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
            if count > 0 {
                done += count
            } else if count == 0 {
                throw TorchError.file(
                    path: path, message: "ends at byte \(offset + done), \(offset + buffer.count) bytes expected")
            } else if errno != EINTR {
                throw TorchError.system(path, "cannot be read")
            }
        }
    }

    /// Appends all of `buffer`.
    func write(_ buffer: UnsafeRawBufferPointer) throws {
        var done = 0
        while done < buffer.count {
            let count = Glibc.write(number, buffer.baseAddress! + done, buffer.count - done)
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                throw TorchError.system(path, "cannot be written")
            }
        }
    }

    /// Waits until the contents are on the disk.
    func synchronize() throws {
        guard fsync(number) == 0 else { throw TorchError.system(path, "cannot be written") }
    }
}

extension TorchError {
    /// A file error with the reason of the system call that just failed.
    static func system(_ path: String, _ message: String) -> TorchError {
        let reason = errno
        return .file(path: path, message: "\(message): \(String(cString: strerror(reason)))")
    }
}
