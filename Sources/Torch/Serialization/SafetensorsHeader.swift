import TorchCore

/// The first part of a safetensors file: names, types, shapes and places of its tensors, in JSON.
struct SafetensorsHeader {
    struct Entry {
        var name: String
        var dtype: DType
        var shape: [Int]
        /// Bytes from the end of the header.
        var place: Range<Int>
    }

    /// In the order of their places.
    var entries: [Entry]
    var metadata: [String: String]

    /// The key that holds the metadata: no tensor can have this name.
    static let metadataKey = "__metadata__"
    /// The format's limit for the length of the header.
    static let longest = 100_000_000
    /// The bytes in front of the header that hold its length.
    static let prefix = 8

    private static let names: [(DType, String)] = [
        (.float32, "F32"), (.float64, "F64"), (.float16, "F16"), (.bfloat16, "BF16"), (.int64, "I64"), (.int32, "I32"),
        (.int16, "I16"), (.int8, "I8"), (.uint8, "U8"), (.bool, "BOOL"),
    ]

    /// Places the tensors one after the other: wide types first, so that every element is aligned; then by name.
    init(tensors: [String: Tensor], metadata: [String: String]) {
        var end = 0
        entries = tensors.map { name, tensor in (name, tensor.dtype, tensor.shape, tensor.count) }
            .sorted { ($1.1.byteCount, $0.0) < ($0.1.byteCount, $1.0) }
            .map { name, dtype, shape, count in
                let start = end
                end += count * dtype.byteCount
                return Entry(name: name, dtype: dtype, shape: shape, place: start..<end)
            }
        self.metadata = metadata
    }

    /// The length, then the JSON with sorted keys, padded with spaces to a multiple of 8 bytes.
    var bytes: [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(JSON.quoted($0)):\(JSON.quoted($1))" }
            members.append("\(JSON.quoted(Self.metadataKey)):{\(pairs.joined(separator: ","))}")
        }
        for entry in entries.sorted(by: { $0.name < $1.name }) {
            let name = Self.names.first { $0.0 == entry.dtype }!.1
            let shape = entry.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(JSON.quoted(entry.name)):{\"dtype\":\"\(name)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(entry.place.lowerBound),\(entry.place.upperBound)]}")
        }
        var text = Array("{\(members.joined(separator: ","))}".utf8)
        text += [UInt8](repeating: 0x20, count: (8 - text.count % 8) % 8)
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    }

    /// Reads and checks the JSON.
    /// - Parameter dataSize: the bytes that follow the header in the file; the tensors must fill them exactly.
    /// - Throws: ``TorchError/file(path:message:)`` saying what was expected and what was found.
    init(json: [UInt8], dataSize: Int, path: String) throws {
        func refuse(_ message: String) -> TorchError { .file(path: path, message: message) }
        let root: JSON
        do {
            root = try JSON.parse(json)
        } catch {
            throw refuse("the header is not valid JSON: \(error.message) at byte \(Self.prefix + error.offset)")
        }
        guard case .object(let members) = root else { throw refuse("the header is not a JSON object") }
        entries = []
        metadata = [:]
        for member in members {
            if member.key == Self.metadataKey {
                metadata = try Self.metadata(member.value, refuse)
            } else {
                entries.append(try Self.entry(member.key, member.value, refuse))
            }
        }
        // Tensors without elements come before the one that begins where they are.
        entries.sort {
            ($0.place.lowerBound, $0.place.upperBound, $0.name) < ($1.place.lowerBound, $1.place.upperBound, $1.name)
        }
        try checkPlaces(dataSize, refuse)
    }

    private func checkPlaces(_ dataSize: Int, _ refuse: (String) -> TorchError) throws {
        var end = 0
        for entry in entries {
            guard entry.place.upperBound <= dataSize else {
                throw refuse(
                    "tensor '\(entry.name)' ends at byte \(entry.place.upperBound) of the data, "
                        + "there are only \(dataSize): the file is truncated or damaged")
            }
            guard entry.place.lowerBound == end else {
                throw refuse(
                    "tensor '\(entry.name)' begins at byte \(entry.place.lowerBound) of the data, \(end) expected: "
                        + (entry.place.lowerBound < end ? "it overlaps another one" : "there is a gap"))
            }
            end = entry.place.upperBound
        }
        guard end == dataSize else {
            throw refuse("\(dataSize) bytes of data, the tensors take \(end)")
        }
    }

    private static func metadata(_ value: JSON, _ refuse: (String) -> TorchError) throws -> [String: String] {
        guard case .object(let members) = value else { throw refuse("\(metadataKey) is not a JSON object") }
        var metadata: [String: String] = [:]
        for member in members {
            guard case .string(let text) = member.value else {
                throw refuse("\(metadataKey): the value of '\(member.key)' is not a string")
            }
            metadata[member.key] = text
        }
        return metadata
    }

    private static func entry(
        _ name: String, _ value: JSON, _ refuse: (String) -> TorchError
    ) throws -> Entry {
        guard case .object(let members) = value else { throw refuse("tensor '\(name)': a JSON object expected") }
        let keys = members.map(\.key).sorted()
        guard keys == ["data_offsets", "dtype", "shape"] else {
            throw refuse("tensor '\(name)': the keys dtype, shape and data_offsets expected, found \(keys)")
        }
        func member(_ key: String) -> JSON { members.first { $0.key == key }!.value }
        guard case .string(let type) = member("dtype") else { throw refuse("tensor '\(name)': dtype is not a string") }
        guard let dtype = names.first(where: { $0.1 == type })?.0 else {
            let known = names.map(\.1).joined(separator: " ")
            throw refuse("tensor '\(name)': dtype \(type) is not supported, one of \(known) expected")
        }
        guard let shape = numbers(member("shape")) else {
            throw refuse("tensor '\(name)': shape is not a list of whole numbers from 0 on")
        }
        guard let offsets = numbers(member("data_offsets")), offsets.count == 2, offsets[0] <= offsets[1] else {
            throw refuse("tensor '\(name)': data_offsets are not two whole numbers in ascending order")
        }
        guard let size = byteCount(shape, dtype) else {
            throw refuse("tensor '\(name)': shape \(shape) has more elements than can be addressed")
        }
        guard offsets[1] - offsets[0] == size else {
            throw refuse(
                "tensor '\(name)': shape \(shape) of \(type) takes \(size) bytes, "
                    + "its data_offsets span \(offsets[1] - offsets[0])")
        }
        return Entry(name: name, dtype: dtype, shape: shape, place: offsets[0]..<offsets[1])
    }

    private static func numbers(_ value: JSON) -> [Int]? {
        guard case .array(let elements) = value else { return nil }
        var result: [Int] = []
        for element in elements {
            guard case .number(let number) = element else { return nil }
            result.append(number)
        }
        return result
    }

    private static func byteCount(_ shape: [Int], _ dtype: DType) -> Int? {
        var product = dtype.byteCount
        // A zero makes the tensor empty, whatever the other sizes are; torch still wants their product to fit.
        for size in shape.filter({ $0 != 0 }) {
            let (next, overflow) = product.multipliedReportingOverflow(by: size)
            if overflow { return nil }
            product = next
        }
        return shape.contains(0) ? 0 : product
    }
}
