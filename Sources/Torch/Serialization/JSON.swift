/// A JSON value, as a safetensors header needs it: numbers are whole and not negative, keys keep their order.
enum JSON: Equatable {
    case object([Member])
    case array([JSON])
    case string(String)
    case number(Int)
    /// A fraction, a negative number, true, false or null, as it was written: legal JSON that a header has no use for.
    case other(String)

    struct Member: Equatable {
        var key: String
        var value: JSON
    }

    /// The JSON text of a string, quotes included.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// What is wrong with a text, and at which byte.
    struct SyntaxError: Error, Equatable {
        var message: String
        var offset: Int
    }

    /// Reads a whole text.
    /// - Throws: ``SyntaxError``, also for a key that comes twice in one object.
    static func parse(_ bytes: [UInt8]) throws(SyntaxError) -> JSON {
        var parser = Parser(bytes: bytes)
        let value = try parser.value(depth: 0)
        parser.skipBlanks()
        guard parser.next == nil else { throw parser.error("the end expected") }
        return value
    }
}

private struct Parser {
    /// A header has two levels; this only keeps a hostile file from using up the stack.
    static let deepest = 16

    let bytes: [UInt8]
    var offset = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    func error(_ message: String) -> JSON.SyntaxError { JSON.SyntaxError(message: message, offset: offset) }

    mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { offset += 1 }
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    mutating func value(depth: Int) throws(JSON.SyntaxError) -> JSON {
        guard depth < Parser.deepest else { throw error("more than \(Parser.deepest) levels") }
        skipBlanks()
        guard let byte = next else { throw error("a value expected, the text ends") }
        switch Unicode.Scalar(byte) {
        case "{": return try object(depth: depth)
        case "[": return try array(depth: depth)
        case "\"": return .string(try string())
        case "-", "0"..."9": return try number()
        default: return try word()
        }
    }

    private mutating func object(depth: Int) throws(JSON.SyntaxError) -> JSON {
        offset += 1
        var members: [JSON.Member] = []
        var keys = Set<String>()
        skipBlanks()
        if take("}") { return .object([]) }
        while true {
            skipBlanks()
            guard next == UInt8(ascii: "\"") else { throw error("a key in quotes expected") }
            let start = offset
            let key = try string()
            guard keys.insert(key).inserted else {
                throw JSON.SyntaxError(message: "the key '\(key)' comes twice", offset: start)
            }
            skipBlanks()
            guard take(":") else { throw error("':' expected") }
            members.append(JSON.Member(key: key, value: try value(depth: depth + 1)))
            skipBlanks()
            if take("}") { return .object(members) }
            guard take(",") else { throw error("',' or '}' expected") }
        }
    }

    private mutating func array(depth: Int) throws(JSON.SyntaxError) -> JSON {
        offset += 1
        var elements: [JSON] = []
        skipBlanks()
        if take("]") { return .array([]) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            if take("]") { return .array(elements) }
            guard take(",") else { throw error("',' or ']' expected") }
        }
    }

    private mutating func number() throws(JSON.SyntaxError) -> JSON {
        let start = offset
        _ = take("-")
        let whole = try digits()
        guard whole.count == 1 || bytes[whole.lowerBound] != UInt8(ascii: "0") else {
            throw JSON.SyntaxError(message: "a number begins with 0", offset: start)
        }
        if take(".") { _ = try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            _ = try digits()
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        return Int(text).flatMap { $0 >= 0 && bytes[start] != UInt8(ascii: "-") ? .number($0) : nil } ?? .other(text)
    }

    private mutating func digits() throws(JSON.SyntaxError) -> Range<Int> {
        let start = offset
        while let byte = next, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { offset += 1 }
        guard offset > start else { throw error("a digit expected") }
        return start..<offset
    }

    private mutating func word() throws(JSON.SyntaxError) -> JSON {
        for word in ["true", "false", "null"] where bytes[offset...].starts(with: word.utf8) {
            offset += word.utf8.count
            return .other(word)
        }
        throw error("a value expected")
    }

    private mutating func string() throws(JSON.SyntaxError) -> String {
        offset += 1
        var text: [UInt8] = []
        while let byte = next {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw error("not valid UTF-8") }
                return string
            case UInt8(ascii: "\\"): text += Array(String(Character(try escape())).utf8)
            case 0..<0x20: throw error("a control character in a string")
            default: text.append(byte)
            }
        }
        throw error("the text ends within a string")
    }

    private mutating func escape() throws(JSON.SyntaxError) -> Unicode.Scalar {
        guard let byte = next else { throw error("the text ends within a string") }
        offset += 1
        switch Unicode.Scalar(byte) {
        case "\"": return "\""
        case "\\": return "\\"
        case "/": return "/"
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u":
            let first = try hexDigits()
            if let scalar = Unicode.Scalar(first) { return scalar }
            // Outside of the 16-bit plane: two halves.
            guard first < 0xDC00, take("\\"), take("u") else { throw error("half a character") }
            let second = try hexDigits()
            guard 0xDC00...0xDFFF ~= second,
                let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
            else { throw error("half a character") }
            return scalar
        default: throw error("an unknown escape")
        }
    }

    private mutating func hexDigits() throws(JSON.SyntaxError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = next.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }) else {
                throw error("a hexadecimal digit expected")
            }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }
}
