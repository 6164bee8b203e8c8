/* The C interface of liboar_mpi.so: all that the program asks of MPI. The module is a file of its
 * own because the program must build and start where there is no MPI; models/distributed opens it
 * when the program is one of several. One operation is under way at a time.
 *
 * Each function but the last returns 0, or an error's number that oar_mpi_error puts into words. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

int oar_mpi_start(int* rank, int* size);

/* Start an operation on memory that stays as it is until oar_mpi_test says it is done: the sum over
 * all ranks, or the bytes of rank 0. */
int oar_mpi_sum_floats(float* values, int count);
int oar_mpi_sum_doubles(double* values, int count);
int oar_mpi_broadcast(void* bytes, int count);
int oar_mpi_meet(void); /* done once all ranks have called it; apart from the others */
int oar_mpi_test(int* done);

int oar_mpi_stop(void);
void oar_mpi_abort(int code);
void oar_mpi_error(int number, char* text, int size);

#ifdef __cplusplus
}
#endif
