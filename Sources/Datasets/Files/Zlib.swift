#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// The four functions of the system's zlib that reading needs, found at run time: its development header may be
/// missing.
struct Zlib: Sendable {
    typealias Open = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>) -> OpaquePointer?
    typealias Read = @convention(c) (OpaquePointer, UnsafeMutableRawPointer, UInt32) -> Int32
    typealias ErrorText = @convention(c) (OpaquePointer, UnsafeMutablePointer<Int32>) -> UnsafePointer<CChar>?
    typealias Close = @convention(c) (OpaquePointer) -> Int32

    let open: Open
    let read: Read
    let errorText: ErrorText
    let close: Close

    #if canImport(Darwin)
        static let libraryNames = ["/usr/lib/libz.1.dylib", "libz.dylib"]
    #else
        static let libraryNames = ["libz.so.1", "libz.so"]
    #endif

    /// The first of the libraries that is there; nil if none is. It stays loaded.
    init?(libraries: [String]) {
        for name in libraries {
            guard let library = dlopen(name, RTLD_NOW | RTLD_LOCAL) else { continue }
            guard
                let open = dlsym(library, "gzopen"), let read = dlsym(library, "gzread"),
                let errorText = dlsym(library, "gzerror"), let close = dlsym(library, "gzclose")
            else { continue }
            self.open = unsafeBitCast(open, to: Open.self)
            self.read = unsafeBitCast(read, to: Read.self)
            self.errorText = unsafeBitCast(errorText, to: ErrorText.self)
            self.close = unsafeBitCast(close, to: Close.self)
            return
        }
        return nil
    }
}
