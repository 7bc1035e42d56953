import Training

/// The line that shows where an epoch is: `epoch  3/30 [#####-----]  52% loss 0.4321 5,421 ex/s 0:03 left`.
enum ProgressLine {
    /// A step's line in at most `width` characters: what does not fit is left out, the bar first, then from the end.
    /// - Parameter width: nil for a line that is not overwritten: as long as it gets, without a bar.
    static func text(_ step: StepReport, width: Int?) -> String {
        let share = Double(step.step) / Double(max(step.steps, 1))
        let total = "\(step.epochs)"
        let head = "epoch \(padded("\(step.epoch)", total.count))/\(total)"
        var details = [padded("\(Int(100 * share))%", 4)]
        details.append("loss \(step.loss.map { NumberText.fixed($0, 4) } ?? "-")")
        if step.skippedSteps > 0 { details.append("\(step.skippedSteps) skipped") }
        details.append("\(NumberText.grouped(Int(step.examplesPerSecond.rounded()))) ex/s")
        details.append("\(NumberText.clock(seconds: step.secondsLeft)) left")
        guard let width else { return ([head] + details).joined(separator: " ") }
        // The last column stays free: some terminals would go on to the next line.
        let room = width - 1
        let length = head.count + details.reduce(0) { $0 + $1.count + 1 }
        let bar = min(room - length - 3, 30)
        if bar >= 5 {
            let full = Int(Double(bar) * share)
            let text = String(repeating: "#", count: full) + String(repeating: "-", count: bar - full)
            return ([head, "[\(text)]"] + details).joined(separator: " ")
        }
        return fitting([head] + details, room)
    }

    /// What is shown while the test images are gone through.
    static func evaluating(epoch: Int, epochs: Int, width: Int) -> String {
        fitting(["epoch \(padded("\(epoch)", "\(epochs)".count))/\(epochs)", "testing"], width - 1)
    }

    private static func fitting(_ words: [String], _ room: Int) -> String {
        var line = ""
        for word in words {
            let longer = line.isEmpty ? word : "\(line) \(word)"
            guard longer.count <= room else { break }
            line = longer
        }
        return line
    }
}

/// With spaces before it.
func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
}
