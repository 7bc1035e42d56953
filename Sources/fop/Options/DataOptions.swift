import ArgumentParser
import Training

/// What is trained on what.
struct DataOptions: ParsableArguments {
    @Option(help: "The network: \(choices(SystemChoices.models)) (default: resnet).")
    var model: String?

    @Option(help: "The images: \(choices(SystemChoices.datasets)) (default: fashion-mnist). shapes needs no files.")
    var dataset: String?

    @Option(
        help: """
            The folder with the four IDX files of fashion-mnist, plain or .gz (default: $FOP_DATA, otherwise the cache's \
            data/fashion-mnist).
            """, completion: .directory)
    var data: String?

    @Option(
        parsing: .unconditional,
        help: "Use the first training images only, and at most as many test images (default: all).")
    var examples: Int?

    @Option(
        help: "Vary training images: crop, flip, crop,flip or none (default: none). crop shifts by up to an eighth.")
    var augment: String?

    func fill(_ request: inout TrainingRequest) {
        request.model = model
        request.dataset = dataset
        request.dataDirectory = data
        request.examples = examples
        request.augment = augment
    }
}
