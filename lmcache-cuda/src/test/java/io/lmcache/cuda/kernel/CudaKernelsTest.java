package io.lmcache.cuda.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaException;
import io.lmcache.cuda.standin.StandIns;
import java.io.IOException;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The extension fails a test that leaves a module loaded. */
@ExtendWith(StandIns.class)
final class CudaKernelsTest {
    @Test
    void closingTwiceUnloadsOnce() throws IOException {
        try (CudaDevice device = CudaDevice.open(0)) {
            CudaKernels kernels = CudaKernels.load(device);
            kernels.close();
            kernels.close();
            assertThat(StandIns.count("cuModuleUnload")).isEqualTo(StandIns.count("cuModuleLoadData"));
        }
    }

    @Test
    void aDriverThatRefusesTheSecondFileLeavesNothingLoaded() throws IOException {
        try (CudaDevice device = CudaDevice.open(0)) {
            StandIns.fail("cuModuleLoadData", CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 1, 1);
            assertThatThrownBy(() -> CudaKernels.load(device))
                    .isInstanceOf(CudaException.class)
                    .hasMessageContaining("CUDA_ERROR_UNSUPPORTED_PTX_VERSION");
            assertThat(StandIns.count("cuModuleUnload")).isEqualTo(1);
        }
    }

    @Test
    void aKernelMissingFromItsFileIsNamed() throws IOException {
        try (CudaDevice device = CudaDevice.open(0)) {
            StandIns.fail("cuModuleGetFunction", CUresult.CUDA_ERROR_NOT_FOUND, 0, 1);
            assertThatThrownBy(() -> CudaKernels.load(device))
                    .isInstanceOf(CudaException.class)
                    .hasMessageContaining("cuModuleGetFunction of ");
        }
    }
}
