// cuBLAS and cuBLASLt: products, a triangular solver, a product with a fused bias
#include <cublasLt.h>
#include <cublas_v2.h>

#include "record.h"

namespace {

constexpr int kRows = 200, kColumns = 120, kInner = 300;

void Products(Record& record, cublasHandle_t handle) {
  const float one = 1, zero = 0;
  OnGpu<float> left(Seeded<float>(1, kRows * kInner)), right(Seeded<float>(2, kInner * kColumns));
  OnGpu<float> product(kRows * kColumns);
  CHECK(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, kRows, kColumns, kInner, &one, left.get(), kRows,
                    right.get(), kInner, &zero, product.get(), kRows));
  record.Output("single", product.Read());

  const double one_double = 1, zero_double = 0;
  OnGpu<double> left_double(Seeded<double>(3, kRows * kInner)), right_double(Seeded<double>(4, kInner * kColumns));
  OnGpu<double> product_double(kRows * kColumns);
  CHECK(cublasDgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, kRows, kColumns, kInner, &one_double, left_double.get(), kRows,
                    right_double.get(), kInner, &zero_double, product_double.get(), kRows));
  record.Output("double", product_double.Read());

  CHECK(cublasSgemmStridedBatched(handle, CUBLAS_OP_N, CUBLAS_OP_N, 50, 30, 40, &one, left.get(), 50, 2000,
                                  right.get(), 40, 1200, &zero, product.get(), 50, 1500, 10));
  record.Output("batched", product.Read());
}

void VectorsAndSolver(Record& record, cublasHandle_t handle) {
  constexpr int kSize = 100;
  float dot = 0, norm = 0;
  const double one = 1;
  OnGpu<float> values(Seeded<float>(5, 5000)), others(Seeded<float>(6, 5000));
  CHECK(cublasSdot(handle, 5000, values.get(), 1, others.get(), 1, &dot));
  CHECK(cublasSnrm2(handle, 5000, values.get(), 1, &norm));
  record.Output("dot_and_norm", std::vector<float>{dot, norm});
  OnGpu<double> matrix(HeavyDiagonal<double>(7, kSize, false)), right(Seeded<double>(8, kSize * 3));
  CHECK(cublasDtrsm(handle, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, CUBLAS_DIAG_NON_UNIT, kSize, 3,
                    &one, matrix.get(), kSize, right.get(), kSize));
  record.Output("triangular", right.Read());
}

void FusedBias(Record& record) {
  const float one = 1, zero = 0;
  cublasLtHandle_t handle;
  cublasLtMatmulDesc_t operation;
  cublasLtMatrixLayout_t left_layout, right_layout, out_layout;
  OnGpu<float> left(Seeded<float>(9, kRows * kInner)), right(Seeded<float>(10, kInner * kColumns));
  OnGpu<float> bias(Seeded<float>(11, kRows)), out(kRows * kColumns);
  const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_RELU_BIAS;
  const float* const bias_address = bias.get();
  CHECK(cublasLtCreate(&handle));
  CHECK(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  CHECK(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
  CHECK(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias_address,
                                       sizeof bias_address));
  CHECK(cublasLtMatrixLayoutCreate(&left_layout, CUDA_R_32F, kRows, kInner, kRows));
  CHECK(cublasLtMatrixLayoutCreate(&right_layout, CUDA_R_32F, kInner, kColumns, kInner));
  CHECK(cublasLtMatrixLayoutCreate(&out_layout, CUDA_R_32F, kRows, kColumns, kRows));
  CHECK(cublasLtMatmul(handle, operation, &one, left.get(), left_layout, right.get(), right_layout, &zero, out.get(),
                       out_layout, out.get(), out_layout, nullptr, nullptr, 0, nullptr));
  CHECK(cudaDeviceSynchronize());
  record.Output("fused_bias", out.Read());
  CHECK(cublasLtMatrixLayoutDestroy(left_layout));
  CHECK(cublasLtMatrixLayoutDestroy(right_layout));
  CHECK(cublasLtMatrixLayoutDestroy(out_layout));
  CHECK(cublasLtMatmulDescDestroy(operation));
  CHECK(cublasLtDestroy(handle));
}

}  // namespace

int main(int argc, char** argv) {
  Record record(argc, argv, "cublas");
  cublasHandle_t handle;
  CHECK(cublasCreate(&handle));
  Products(record, handle);
  VectorsAndSolver(record, handle);
  FusedBias(record);
  CHECK(cublasDestroy(handle));
}
