import Runtime
import TorchCore

/// The nearest place on the calling thread's stack whose file is not ours; nil when there are no symbols.
func searchCaller(_ isOurs: (_ path: String) -> Bool) -> CallerLocation.Place? {
    guard let backtrace = try? Backtrace.capture(), let symbols = backtrace.symbolicated() else { return nil }
    for frame in symbols.frames {
        guard let place = frame.symbol?.sourceLocation, place.line > 0, !place.path.hasSuffix(">"),
            !isOurs(place.path)
        else { continue }
        return (place.path, UInt(place.line))
    }
    return nil
}
