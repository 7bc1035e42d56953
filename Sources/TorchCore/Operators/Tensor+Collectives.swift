import CTorch

extension Tensor {
    /// Whether this LibTorch has collectives: one built without `USE_DISTRIBUTED` has not.
    public static var hasCollectives: Bool { Collectives.allReduce != nil && Collectives.wait != nil }

    /// The elementwise sum over all processes of a group (`_c10d_functional::all_reduce`), the same bits in each.
    ///
    /// All processes of the group have to call it, with tensors of one shape and type, in the same order as their other
    /// collectives. A process that fails or never calls leaves the others waiting until the group's timeout.
    /// - Parameter group: the name under which the process group is registered: `group_name` in Python.
    public func summedOverProcesses(
        ofGroup group: String, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard let allReduce = Collectives.allReduce, let wait = Collectives.wait else {
            operatorFailure(Collectives.name, "this LibTorch was built without process groups", file, line)
            return .undefined
        }
        var pending, result: OpaquePointer?
        guard allReduce(handle, "sum", group, &pending) == 0, let pending else {
            operatorFailure(Collectives.name, lastErrorText(.stable), file, line)
            return .undefined
        }
        let owner = Tensor(owning: pending)
        guard wait(owner.handle, &result) == 0, let result else {
            operatorFailure("_c10d_functional::wait_tensor", lastErrorText(.stable), file, line)
            return .undefined
        }
        return Tensor(owning: result)
    }
}

/// The functional collectives. The dispatcher's own entries take arguments of type `Any` from LibTorch 2.13 on, which the
/// stable ABI cannot pass; these functions of the same ABI, named after the CPU, go to whatever device the tensor is on.
private enum Collectives {
    typealias AllReduce = @convention(c) (
        OpaquePointer?, UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafeMutablePointer<OpaquePointer?>
    ) -> Int32
    typealias Wait = @convention(c) (OpaquePointer?, UnsafeMutablePointer<OpaquePointer?>) -> Int32

    static let name = "_c10d_functional::all_reduce"
    static let allReduce = StableABI.symbol("aoti_torch_cpu__c10d_functional_all_reduce", as: AllReduce.self)
    static let wait = StableABI.symbol("aoti_torch_cpu__c10d_functional_wait_tensor", as: Wait.self)
}
