import FOP
import TestSupport
import Torch
import XCTest

final class ScheduleTests: XCTestCase {
    func testEveryShapeEqualsTorch() throws {
        let warmCosine = try Schedule.cosine(over: 50, to: 0.02).warmedUp(over: 10, from: 0.1)
        let cases: [String: Schedule] = [
            "step": try .step(every: 10, factor: 0.3),
            "multistep": try .multiStep(at: [8, 20, 40], factor: 0.2),
            "multistep-repeated": try .multiStep(at: [5, 30, 5], factor: 0.5),
            "cosine": try .cosine(over: 60, to: 0.02),
            "cosine-beyond": try .cosine(over: 25, to: 0.1),
            "exponential": try .exponential(factor: 0.93),
            "onecycle": try .oneCycle(over: 60),
            "onecycle-linear": try .oneCycle(
                over: 60, warmUpShare: 0.25, annealing: .linear, startDivisor: 10, endDivisor: 100),
            "onecycle-three-phase": try .oneCycle(over: 60, warmUpShare: 0.4, threePhase: true),
            "warmup": try .linear(from: 0.1, to: 1, over: 10),
            "linear-decay": try .linear(from: 1, to: 0, over: 50),
            "polynomial": try .polynomial(over: 60, power: 2),
            "polynomial-early": try .polynomial(over: 40),
            "warmup-cosine": warmCosine,
        ]
        let fixture = try FixtureFile("schedules.safetensors")
        let base = Double(fixture.metadata["base"] ?? "") ?? .nan
        XCTAssertEqual(Set(cases.keys), Set(fixture.tensors.keys.filter { !$0.hasSuffix("/momentum") }))
        for (name, schedule) in cases {
            let rates = (0..<60).map { (base * schedule)($0) }
            // The absolute part is for where torch's recursion ends at 1e-17 instead of 0.
            assertClose(Tensor(rates), try fixture.tensor(name), rtol: 1e-12, atol: 1e-15, name)
        }
    }

    func testOneCyclesMomentumEqualsTorch() throws {
        let cases: [String: Schedule] = [
            "onecycle": try .oneCycleMomentum(over: 60),
            "onecycle-linear": try .oneCycleMomentum(over: 60, warmUpShare: 0.25, annealing: .linear),
            "onecycle-three-phase": try .oneCycleMomentum(
                over: 60, warmUpShare: 0.4, from: 0.9, to: 0.8, threePhase: true),
        ]
        let fixture = try FixtureFile("schedules.safetensors")
        for (name, schedule) in cases {
            assertClose(
                Tensor((0..<60).map { schedule($0) }), try fixture.tensor("\(name)/momentum"), rtol: 1e-12, atol: 0, name)
        }
    }

    func testSchedulesAreAssignedByTheLoop() throws {
        let schedule = try 0.1 * Schedule.step(every: 2, factor: 0.5)
        let optimizer = try SGD(Pair(), learningRate: 0.1)
        var rates: [Double] = []
        for step in 0..<5 {
            optimizer.learningRate = schedule(step)
            rates.append(optimizer.learningRate)
        }
        XCTAssertEqual(rates, [0.1, 0.1, 0.05, 0.05, 0.025])
    }

    func testSchedulesArePutTogether() throws {
        let schedule = try Schedule.constant(0.5).followed(by: .step(every: 1, factor: 0.1), after: 2)
        XCTAssertEqual((0..<5).map { schedule($0) }, [0.5, 0.5, 1, 0.1, 0.1 * 0.1])
        let warmed = try Schedule.constant().warmedUp(over: 4)
        XCTAssertEqual((0..<6).map { warmed($0) }, [0.25, 0.4375, 0.625, 0.8125, 1, 1])
        XCTAssertEqual(try Schedule.constant().warmedUp(over: 0)(0), 1)
        let product = try Schedule.exponential(factor: 0.5) * Schedule { Double($0) }
        XCTAssertEqual(product(3), 0.375)
        XCTAssertEqual(product(-3), 0)
    }

    func testOneCycleStaysAtItsEnd() throws {
        let schedule = try Schedule.oneCycle(over: 10)
        XCTAssertEqual(schedule(9), 1 / 25 / 1e4, accuracy: 1e-18)
        XCTAssertEqual(schedule(1000), schedule(9))
        XCTAssertEqual(try Schedule.oneCycle(over: 1)(0), 1 / 25 / 1e4, accuracy: 1e-18)
    }

    func testLinearScalingRule() {
        XCTAssertEqual(linearlyScaled(0.1, batchSize: 2048), 0.8, accuracy: 1e-15)
        XCTAssertEqual(linearlyScaled(0.1, batchSize: 64, baseBatchSize: 128), 0.05, accuracy: 1e-15)
    }

    func testEverythingOutOfRangeIsNamed() {
        let cases: [(() throws -> Schedule, String)] = [
            (
                { try .step(every: 0, factor: -1) },
                "every is 0: use a whole number of 1 or more; factor is -1.0: use a finite number of 0 or more"
            ),
            ({ try .multiStep(at: [3, -1]) }, "at[1] is -1: use a whole number of 0 or more"),
            ({ try .cosine(over: 0, to: -0.1) }, "over is 0: use a whole number of 1 or more; to is -0.1"),
            ({ try .exponential(factor: .nan) }, "factor is nan"),
            ({ try .linear(from: 0, to: .infinity, over: 0) }, "to is inf"),
            ({ try .polynomial(over: 5, power: -1) }, "power is -1.0"),
            (
                { try .oneCycle(over: 5, warmUpShare: 0.6, startDivisor: 0, threePhase: true) },
                "warmUpShare is 0.6: use a number from 0 to 0.5; startDivisor is 0.0: use a finite number above 0"
            ),
            ({ try .oneCycleMomentum(over: 5, from: 1) }, "from is 1.0: use a number from 0 to below 1"),
            ({ try Schedule.constant().warmedUp(over: -1) }, "over is -1"),
            ({ try Schedule.constant().followed(by: .constant(), after: -1) }, "steps is -1"),
        ]
        for (make, text) in cases {
            assertThrowsTorchError(try make()) { assertContains("\($0)", text) }
        }
    }
}
