import Foundation
import TestSupport
import Training
import XCTest

/// What is shown on a terminal.
final class TerminalTests: CommandTestCase {
    /// A terminal of so many columns; what is written to it can be read.
    private final class PseudoTerminal {
        let user: FileHandle
        let program: FileHandle

        init(columns: UInt16) throws {
            // The functions for this are not in Swift's Glibc: these are the requests that they make.
            let (unlock, getNumber): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
            let master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
            var (locked, number): (Int32, Int32) = (0, 0)
            guard master >= 0, ioctl(master, unlock, &locked) == 0, ioctl(master, getNumber, &number) == 0 else {
                throw XCTSkip("no pseudo-terminals here")
            }
            var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
            _ = ioctl(master, UInt(TIOCSWINSZ), &size)
            user = FileHandle(fileDescriptor: master, closeOnDealloc: true)
            program = FileHandle(fileDescriptor: open("/dev/pts/\(number)", O_RDWR | O_NOCTTY), closeOnDealloc: true)
        }

        /// All that is written until the program ends.
        func read() -> String {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            // The end is reported as an error.
            while case let count = Foundation.read(user.fileDescriptor, &buffer, buffer.count), count > 0 {
                bytes += buffer.prefix(count)
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private func show(columns: UInt16, term: String = "xterm") throws -> String {
        let terminal = try PseudoTerminal(columns: columns)
        let run = try RunningCommand(
            Command.tinyTraining(directory.file("run"), epochs: 3), terminal: terminal.program,
            environment: ["TERM": term])
        try terminal.program.close()
        let text = terminal.read()
        XCTAssertEqual(run.end().status, 0, run.errors)
        return text
    }

    func testAProgressLineThatFitsIsDrawnAndGoes() throws {
        let text = try show(columns: 80)
        let drawn = text.split(separator: "\r").filter { $0.hasSuffix("\u{1b}[K") && $0.count > 3 }
        XCTAssertFalse(drawn.isEmpty, text)
        XCTAssertTrue(drawn.contains { $0.hasPrefix("epoch 1/3 [") }, text)
        assertContains(text, " ex/s 0:0")
        for line in drawn { XCTAssertLessThan(line.dropLast(3).count, 80) }
        // Rows replace it.
        assertContains(text, "\r\u{1b}[K    3  ")
    }

    func testNarrowTerminals() throws {
        let text = try show(columns: 30)
        let drawn = text.split(separator: "\r").filter { $0.hasSuffix("\u{1b}[K") && $0.count > 3 }
        XCTAssertFalse(drawn.isEmpty, text)
        for line in drawn { XCTAssertLessThan(line.dropLast(3).count, 30) }
    }

    func testDumbTerminalsGetPlainLines() throws {
        XCTAssertFalse(try show(columns: 80, term: "dumb").contains("\u{1b}"))
    }
}
