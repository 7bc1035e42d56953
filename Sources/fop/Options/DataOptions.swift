import ArgumentParser
import Training

/// What is trained on what.
struct DataOptions: SettingOptions {
    @Option(help: help("The network: \(choices(SystemChoices.models)) (default: resnet).", "name"))
    var model: String?

    @Option(
        help: help(
            "The images: \(choices(SystemChoices.datasets)) (default: fashion-mnist). shapes needs no files.", "name"))
    var dataset: String?

    @Option(
        help: help(
            """
            The folder with the four IDX files of fashion-mnist, plain or .gz (default: $FOP_DATA, otherwise the \
            cache's data/fashion-mnist).
            """, "dir"),
        completion: .directory)
    var data: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            Use the first training images only, and at most as many test images; a number or all (default: all).
            """, "n"))
    var examples: String?

    @Option(
        help: help(
            """
            Vary training images: crop, flip, crop,flip or none (default: none). crop shifts by up to an eighth.
            """, "kinds"))
    var augment: String?
}
