/// The version of this package.
public enum FOPVersion {
    /// As `fop --version` prints it and checkpoints carry it.
    public static let current = "0.1.0"
}
