import ArgumentParser
import Training

/// Options whose values are settings of a run. Their texts go into a request as they are: ranges and defaults are the
/// settings' own.
protocol SettingOptions: ParsableArguments {}

extension SettingOptions {
    /// Puts every text that was given into a request, under the option's name. As the parser does it, names are those
    /// of the properties.
    func fill(_ request: inout TrainingRequest) {
        let known = Set(TrainingRequest.options)
        for child in Mirror(reflecting: self).children {
            guard let label = child.label, let option = child.value as? Option<String?>,
                case let name = "--" + words(ofProperty: label), known.contains(name), let text = option.wrappedValue
            else { continue }
            request[name] = text
        }
    }
}

/// `_learningRate` as `learning-rate`.
private func words(ofProperty label: String) -> String {
    label.drop { $0 == "_" }.map { $0.isUppercase ? "-\($0.lowercased())" : "\($0)" }.joined()
}

/// What an option does, and what its value is called.
func help(_ text: String, _ value: String) -> ArgumentHelp { ArgumentHelp("\(text)", valueName: value) }
