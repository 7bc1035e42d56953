import ArgumentParser
import Training

/// What is trained on what.
struct DataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The network: \(choices(SystemChoices.models)) (default: resnet).", valueName: "name"))
    var model: String?

    @Option(
        help: ArgumentHelp(
            "The images: \(choices(SystemChoices.datasets)) (default: fashion-mnist). shapes needs no files.", valueName: "name"))
    var dataset: String?

    @Option(
        help: ArgumentHelp(
            """
            The folder with the four IDX files of fashion-mnist, plain or .gz (default: $FOP_DATA, otherwise the \
            cache's data/fashion-mnist).
            """, valueName: "dir"),
        completion: .directory)
    var data: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Use the first training images only, and at most as many test images (default: all).", valueName: "n"))
    var examples: Int?

    @Option(
        help: ArgumentHelp(
            "Vary training images: crop, flip, crop,flip or none (default: none). crop shifts by up to an eighth.", valueName: "kinds"))
    var augment: String?

    func fill(_ request: inout TrainingRequest) {
        request.model = model
        request.dataset = dataset
        request.dataDirectory = data
        request.examples = examples
        request.augment = augment
    }
}
