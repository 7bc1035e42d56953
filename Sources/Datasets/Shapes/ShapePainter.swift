/// Paints one image of a shape: position, size, tilt, colours and noise are drawn from the image's own generator.
struct ShapePainter {
    /// Width and height in pixels.
    let size: Int
    let channels: Int

    private struct Colour {
        var background: Float
        /// What the shape adds; negative where it is darker.
        var contrast: Float
    }

    /// Fills channels x size x size bytes.
    func paint(_ kind: ShapeKind, into pixels: UnsafeMutablePointer<UInt8>, using random: inout SplitMix64) {
        let extent = Float(size)
        let radius = extent * random.uniform(0.19, 0.38)
        let centreX = random.uniform(radius, extent - radius)
        let centreY = random.uniform(radius, extent - radius)
        // Up to 14 degrees either way: with t the tangent of half the angle, no sine is needed.
        let t = random.uniform(-0.125, 0.125)
        let cosine = (1 - t * t) / (1 + t * t)
        let sine = 2 * t / (1 + t * t)
        let noise = random.uniform(5, 30)
        let colours = (0..<channels).map { _ in colour(&random) }
        let area = size * size
        for y in 0..<size {
            for x in 0..<size {
                let (dx, dy) = (Float(x) + 0.5 - centreX, Float(y) + 0.5 - centreY)
                let distance = kind.distance(cosine * dx + sine * dy, cosine * dy - sine * dx, radius)
                // A pixel that an edge crosses is filled in part.
                let coverage = min(max(0.5 - distance, 0), 1)
                var bits = random.next()
                for channel in 0..<channels {
                    let colour = colours[channel]
                    let value = colour.background + colour.contrast * coverage + noise * Self.noise(&bits)
                    pixels[channel * area + y * size + x] = UInt8(min(max(value, 0), 255).rounded())
                }
            }
        }
    }

    /// Shape and background differ by at least 45 of 255, either way.
    private func colour(_ random: inout SplitMix64) -> Colour {
        let contrast = random.uniform(45, 170)
        let dark = random.uniform(0, 255 - contrast)
        return random.next() & 1 == 0
            ? Colour(background: dark, contrast: contrast) : Colour(background: dark + contrast, contrast: -contrast)
    }

    /// A number of mean 0 and deviation 1: the sum of two bytes, which are used up. A word lasts for four.
    private static func noise(_ bits: inout UInt64) -> Float {
        let sum = Float(bits & 255) + Float(bits >> 8 & 255)
        bits >>= 16
        return (sum - 255) / 104.510_8
    }
}
