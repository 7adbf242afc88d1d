// cuSOLVER: Cholesky, LU, QR, eigenvalues and singular values of dense matrices
#include <cusolverDn.h>

#include "record.h"

namespace {

constexpr int kSize = 120;

void ExpectSuccess(const OnGpu<int>& info) { CHECK(info.Read()[0]); }

void Cholesky(Record& record, cusolverDnHandle_t handle) {
  int work_count = 0;
  OnGpu<double> matrix(HeavyDiagonal<double>(1, kSize, true));
  OnGpu<int> info(1);
  CHECK(cusolverDnDpotrf_bufferSize(handle, CUBLAS_FILL_MODE_LOWER, kSize, matrix.get(), kSize, &work_count));
  OnGpu<double> work(work_count);
  CHECK(cusolverDnDpotrf(handle, CUBLAS_FILL_MODE_LOWER, kSize, matrix.get(), kSize, work.get(), work_count,
                         info.get()));
  ExpectSuccess(info);
  record.Output("cholesky", matrix.Read());
}

void LuAndSolve(Record& record, cusolverDnHandle_t handle) {
  int work_count = 0;
  OnGpu<double> matrix(HeavyDiagonal<double>(2, kSize, false)), right(Seeded<double>(3, kSize * 4));
  OnGpu<int> info(1), pivots(kSize);
  CHECK(cusolverDnDgetrf_bufferSize(handle, kSize, kSize, matrix.get(), kSize, &work_count));
  OnGpu<double> work(work_count);
  CHECK(cusolverDnDgetrf(handle, kSize, kSize, matrix.get(), kSize, work.get(), pivots.get(), info.get()));
  ExpectSuccess(info);
  CHECK(cusolverDnDgetrs(handle, CUBLAS_OP_N, kSize, 4, matrix.get(), kSize, pivots.get(), right.get(), kSize,
                         info.get()));
  ExpectSuccess(info);
  record.Output("lu", matrix.Read());
  record.Output("pivots", pivots.Read());
  record.Output("solved", right.Read());
}

void Qr(Record& record, cusolverDnHandle_t handle) {
  int work_count = 0;
  OnGpu<float> matrix(Seeded<float>(4, kSize * kSize)), factors(kSize);
  OnGpu<int> info(1);
  CHECK(cusolverDnSgeqrf_bufferSize(handle, kSize, kSize, matrix.get(), kSize, &work_count));
  OnGpu<float> work(work_count);
  CHECK(cusolverDnSgeqrf(handle, kSize, kSize, matrix.get(), kSize, factors.get(), work.get(), work_count,
                         info.get()));
  ExpectSuccess(info);
  record.Output("qr", matrix.Read());
}

void Eigenvalues(Record& record, cusolverDnHandle_t handle) {
  int work_count = 0;
  OnGpu<double> matrix(HeavyDiagonal<double>(5, kSize, true)), values(kSize);
  OnGpu<int> info(1);
  CHECK(cusolverDnDsyevd_bufferSize(handle, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER, kSize, matrix.get(),
                                    kSize, values.get(), &work_count));
  OnGpu<double> work(work_count);
  CHECK(cusolverDnDsyevd(handle, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER, kSize, matrix.get(), kSize,
                         values.get(), work.get(), work_count, info.get()));
  ExpectSuccess(info);
  record.Output("eigenvalues", values.Read());
  record.Output("eigenvectors", matrix.Read());
}

void SingularValues(Record& record, cusolverDnHandle_t handle) {
  int work_count = 0;
  OnGpu<double> matrix(Seeded<double>(6, kSize * kSize)), values(kSize), left(kSize * kSize), right(kSize * kSize);
  OnGpu<int> info(1);
  CHECK(cusolverDnDgesvd_bufferSize(handle, kSize, kSize, &work_count));
  OnGpu<double> work(work_count);
  CHECK(cusolverDnDgesvd(handle, 'A', 'A', kSize, kSize, matrix.get(), kSize, values.get(), left.get(), kSize,
                         right.get(), kSize, work.get(), work_count, nullptr, info.get()));
  ExpectSuccess(info);
  record.Output("singular_values", values.Read());
}

}  // namespace

int main(int argc, char** argv) {
  Record record(argc, argv, "cusolver");
  cusolverDnHandle_t handle;
  CHECK(cusolverDnCreate(&handle));
  Cholesky(record, handle);
  LuAndSolve(record, handle);
  Qr(record, handle);
  Eigenvalues(record, handle);
  SingularValues(record, handle);
  CHECK(cusolverDnDestroy(handle));
}
