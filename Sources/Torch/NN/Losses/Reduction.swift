/// What becomes of the losses of a batch's examples. Raw values are torch's.
public enum Reduction: Int, Sendable {
    /// One loss per example.
    case none = 0
    /// Their mean; with class weights, the weighted mean.
    case mean = 1
    /// Their sum.
    case sum = 2
}
