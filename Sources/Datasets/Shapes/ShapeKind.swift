/// The classes of ``Shapes``. Raw values are the labels.
enum ShapeKind: Int, CaseIterable {
    case circle, square, triangle, cross, ring, diamond, horizontalStripes, verticalStripes, checker, twoDots

    /// The class's name for people.
    var name: String {
        switch self {
        case .horizontalStripes: "horizontal stripes"
        case .verticalStripes: "vertical stripes"
        case .twoDots: "two dots"
        default: "\(self)"
        }
    }

    /// How far the point (u, v), seen from the middle, is outside the shape of radius r; negative inside.
    ///
    /// Additions, products and square roots only: IEEE 754 gives the same result on every platform, which sines would
    /// not.
    func distance(_ u: Float, _ v: Float, _ r: Float) -> Float {
        let (x, y) = (abs(u), abs(v))
        switch self {
        case .circle: return (u * u + v * v).squareRoot() - 0.9 * r
        case .square: return max(x, y) - 0.82 * r
        // The two upper edges have the normal (±cos 30°, -sin 30°).
        case .triangle: return max(v - 0.5 * r, 0.866_025_4 * x - 0.5 * v - 0.5 * r)
        case .cross: return min(max(x - 0.28 * r, y - r), max(x - r, y - 0.28 * r))
        case .ring: return abs((u * u + v * v).squareRoot() - 0.72 * r) - 0.2 * r
        // 0.7 as wide as high; the factor makes the distance to a slanted edge that of the plane.
        case .diamond: return 0.573_462_3 * (x / 0.7 + y - r)
        case .horizontalStripes: return max(Self.stripes(v, 0.8 * r), max(x, y) - r)
        case .verticalStripes: return max(Self.stripes(u, 0.8 * r), max(x, y) - r)
        case .checker:
            // A field is filled where one of the two stripe patterns is, and not both.
            let (a, b) = (Self.stripes(u - 0.25 * r, r), Self.stripes(v - 0.25 * r, r))
            return max(max(min(a, b), -max(a, b)), max(x, y) - r)
        case .twoDots:
            let fromDot = x - 0.6 * r
            return (fromDot * fromDot + y * y).squareRoot() - 0.36 * r
        }
    }

    /// The distance from stripes of half the period's width.
    private static func stripes(_ position: Float, _ period: Float) -> Float {
        let phase = position / period
        return (abs(phase - phase.rounded()) - 0.25) * period
    }
}
