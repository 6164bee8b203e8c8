#include "models/mpi/mpi_module.h"

#include <mpi.h>

#include <cstdio>

namespace {

MPI_Comm farewell = MPI_COMM_NULL;  // of oar_mpi_meet: it may overtake an operation that hangs
MPI_Request request = MPI_REQUEST_NULL;

}  // namespace

int oar_mpi_start(int* rank, int* size) {
  int level = 0;
  if (const int error = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level)) {
    return error;
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, rank);
  MPI_Comm_size(MPI_COMM_WORLD, size);
  return MPI_Comm_dup(MPI_COMM_WORLD, &farewell);
}

int oar_mpi_sum_floats(float* values, int count) {
  return MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request);
}

int oar_mpi_sum_doubles(double* values, int count) {
  return MPI_Iallreduce(MPI_IN_PLACE, values, count, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD, &request);
}

int oar_mpi_broadcast(void* bytes, int count) {
  return MPI_Ibcast(bytes, count, MPI_BYTE, 0, MPI_COMM_WORLD, &request);
}

int oar_mpi_meet(void) { return MPI_Ibarrier(farewell, &request); }

int oar_mpi_test(int* done) { return MPI_Test(&request, done, MPI_STATUS_IGNORE); }

int oar_mpi_stop(void) { return MPI_Finalize(); }

void oar_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }

void oar_mpi_error(int number, char* text, int size) {
  char words[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  if (MPI_Error_string(number, words, &length) != MPI_SUCCESS) length = 0;
  std::snprintf(text, static_cast<size_t>(size), "%.*s", length, words);
}
