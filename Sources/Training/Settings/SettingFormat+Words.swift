/// Formats that only one option has.
extension SettingFormat<Double> {
    /// A fraction or a percentage.
    static var accuracy: SettingFormat {
        SettingFormat(
            legal: "a fraction above 0 and at most 1 such as 0.9, a percentage such as 90%",
            read: { text in
                let isPercentage = text.hasSuffix("%")
                return Double(isPercentage ? text.dropLast() : text[...]).map { isPercentage ? $0 / 100 : $0 }
            },
            write: { "\($0)" }, isLegal: { $0 > 0 && $0 <= 1 })
    }
}

extension SettingFormat<Double?> {
    /// `paper` for nil, `zero` or a number.
    static var beta: SettingFormat {
        SettingFormat(
            legal: "paper, zero or a finite number",
            read: { text in
                switch text {
                case "paper": .some(nil)
                case "zero": .some(0)
                default: Double(text).map(Optional.some)
                }
            },
            write: { beta in beta.map { $0 == 0 ? "zero" : "\($0)" } ?? "paper" },
            isLegal: { $0?.isFinite ?? true })
    }
}

extension SettingFormat<Int> {
    /// A number of steps, or `epoch` for 0.
    static var stepsOrEpoch: SettingFormat {
        SettingFormat(
            legal: "epoch, or a number of steps of 1 or more", read: { $0 == "epoch" ? 0 : Int($0) },
            write: { $0 == 0 ? "epoch" : "\($0)" }, isLegal: { $0 >= 0 })
    }
}

extension SettingFormat<AugmentationSettings> {
    static var augmentation: SettingFormat {
        SettingFormat(
            legal: "crop, flip, crop,flip or none", read: { AugmentationSettings(text: $0) },
            write: { $0.description }, isLegal: { _ in true })
    }
}

extension SettingFormat<FactorExamplesChoice> {
    static var factorExamples: SettingFormat {
        SettingFormat(
            legal: "auto, all or a whole number of 1 or more", read: { FactorExamplesChoice(text: $0) },
            write: { $0.text }, isLegal: { $0.count.map { $0 >= 1 } ?? true })
    }
}
