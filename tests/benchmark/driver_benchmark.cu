// Kernels that do nothing: what is measured is the way to them.
extern "C" __global__ void NoParameters() {}

// As many parameters as an elementwise kernel of a framework has, pointers and numbers mixed.
extern "C" __global__ void TwelveParameters(float*, float*, float*, float*, float*, float*, int, int, int, float, float,
                                            long long) {}
