/// The learning rate of the parameters in no group, then that of each group.
struct GroupedLearningRates {
    private let initial: [Double]
    /// The rates now.
    var current: [Double]

    /// - Parameter groups: the rate of each group; nil for `base`.
    init(_ base: Double, groups: [Double?]) {
        initial = [base] + groups.map { $0 ?? base }
        current = initial
    }

    /// The rate of the parameters in no group. Assigning it changes those of the groups in proportion to what they were
    /// at the start, as torch's schedulers do.
    var base: Double {
        get { current[0] }
        set { current = initial.map { $0 == initial[0] ? newValue : newValue * $0 / initial[0] } }
    }
}
