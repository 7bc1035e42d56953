/// The step of an interval, 1 to `steps`, at which each block has its turn, so that every step of the interval costs about
/// the same: from the dearest block to the cheapest, each goes to the step that has least to do so far (longest
/// processing time first, Graham 1969: the dearest step costs at most 4/3 of what the best assignment would give it).
///
/// Depends on its arguments alone, so it is the same in every process and after a run is resumed.
/// - Parameters:
///   - costs: of each block.
///   - cycle: something else goes round in so many steps, at the same offsets; among steps that have equally much to
///     do, the one that has least to do there is taken.
func levelOffsets(costs: [Double], steps: Int, cycle: Int) -> [Int] {
    // Further steps would stay empty.
    var loads = [Double](repeating: 0, count: max(1, min(steps, costs.count)))
    var cycleLoads = [Double](repeating: 0, count: max(1, min(cycle, loads.count)))
    var offsets = [Int](repeating: 1, count: costs.count)
    let dearestFirst = costs.indices.sorted { (costs[$1], $0) < (costs[$0], $1) }
    for block in dearestFirst {
        let least = loads.indices.min { one, other in
            (loads[one], cycleLoads[one % cycleLoads.count], one)
                < (loads[other], cycleLoads[other % cycleLoads.count], other)
        }
        guard let least else { continue }
        loads[least] += costs[block]
        cycleLoads[least % cycleLoads.count] += costs[block]
        offsets[block] = least + 1
    }
    return offsets
}
