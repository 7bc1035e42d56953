import Benchmark
import Torch

// One thread unless OMP_NUM_THREADS says otherwise: what is measured is small.
Benchmark.main([operatorSuite(), factorSuite(), inverseSuite(), projectionSuite()])
