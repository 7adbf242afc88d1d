// cuSPARSE: products of a CSR matrix with a vector and with a matrix
#include <cusparse.h>

#include <cmath>

#include "record.h"

namespace {

constexpr int kRows = 400, kColumns = 300, kWidth = 16;

struct Csr {
  std::vector<int> offsets{0}, columns;
  std::vector<float> values;
};

// Where random numbers are large.
Csr MakeCsr() {
  Csr matrix;
  const std::vector<float> dense = Seeded<float>(1, kRows * kColumns);
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      const float value = dense[row * kColumns + column];
      if (std::fabs(value) < 0.9f) continue;
      matrix.columns.push_back(column);
      matrix.values.push_back(value);
    }
    matrix.offsets.push_back(static_cast<int>(matrix.columns.size()));
  }
  return matrix;
}

void WithVector(Record& record, cusparseHandle_t handle, cusparseSpMatDescr_t matrix) {
  const float one = 1, zero = 0;
  std::size_t bytes = 0;
  cusparseDnVecDescr_t in_description, out_description;
  OnGpu<float> in(Seeded<float>(2, kColumns)), out(kRows);
  CHECK(cusparseCreateDnVec(&in_description, kColumns, in.get(), CUDA_R_32F));
  CHECK(cusparseCreateDnVec(&out_description, kRows, out.get(), CUDA_R_32F));
  CHECK(cusparseSpMV_bufferSize(handle, CUSPARSE_OPERATION_NON_TRANSPOSE, &one, matrix, in_description, &zero,
                                out_description, CUDA_R_32F, CUSPARSE_SPMV_CSR_ALG2, &bytes));
  OnGpu<char> buffer(bytes + 1);
  CHECK(cusparseSpMV(handle, CUSPARSE_OPERATION_NON_TRANSPOSE, &one, matrix, in_description, &zero, out_description,
                     CUDA_R_32F, CUSPARSE_SPMV_CSR_ALG2, buffer.get()));
  record.Output("vector", out.Read());
  CHECK(cusparseDestroyDnVec(in_description));
  CHECK(cusparseDestroyDnVec(out_description));
}

void WithMatrix(Record& record, cusparseHandle_t handle, cusparseSpMatDescr_t matrix) {
  const float one = 1, zero = 0;
  std::size_t bytes = 0;
  cusparseDnMatDescr_t in_description, out_description;
  OnGpu<float> in(Seeded<float>(3, kColumns * kWidth)), out(kRows * kWidth);
  CHECK(cusparseCreateDnMat(&in_description, kColumns, kWidth, kWidth, in.get(), CUDA_R_32F, CUSPARSE_ORDER_ROW));
  CHECK(cusparseCreateDnMat(&out_description, kRows, kWidth, kWidth, out.get(), CUDA_R_32F, CUSPARSE_ORDER_ROW));
  CHECK(cusparseSpMM_bufferSize(handle, CUSPARSE_OPERATION_NON_TRANSPOSE, CUSPARSE_OPERATION_NON_TRANSPOSE, &one,
                                matrix,
                                in_description, &zero, out_description, CUDA_R_32F, CUSPARSE_SPMM_CSR_ALG3, &bytes));
  OnGpu<char> buffer(bytes + 1);
  CHECK(cusparseSpMM(handle, CUSPARSE_OPERATION_NON_TRANSPOSE, CUSPARSE_OPERATION_NON_TRANSPOSE, &one, matrix,
                     in_description, &zero, out_description, CUDA_R_32F, CUSPARSE_SPMM_CSR_ALG3, buffer.get()));
  record.Output("matrix", out.Read());
  CHECK(cusparseDestroyDnMat(in_description));
  CHECK(cusparseDestroyDnMat(out_description));
}

}  // namespace

int main(int argc, char** argv) {
  Record record(argc, argv, "cusparse");
  const Csr csr = MakeCsr();
  cusparseHandle_t handle;
  cusparseSpMatDescr_t matrix;
  OnGpu<int> offsets(csr.offsets), columns(csr.columns);
  OnGpu<float> values(csr.values);
  CHECK(cusparseCreate(&handle));
  CHECK(cusparseCreateCsr(&matrix, kRows, kColumns, static_cast<std::int64_t>(csr.values.size()), offsets.get(),
                          columns.get(), values.get(), CUSPARSE_INDEX_32I, CUSPARSE_INDEX_32I,
                          CUSPARSE_INDEX_BASE_ZERO, CUDA_R_32F));
  WithVector(record, handle, matrix);
  WithMatrix(record, handle, matrix);
  CHECK(cusparseDestroySpMat(matrix));
  CHECK(cusparseDestroy(handle));
}
