package io.lmcache.cuda;

import java.io.IOException;
import jcuda.driver.CUresult;

/** A CUDA driver call that failed: which one, and with which code. */
public final class CudaException extends IOException {
    private static final long serialVersionUID = 1L;

    private final int code;

    CudaException(String operation, int code) {
        super(operation + " failed: " + CUresult.stringFor(code) + " (" + code + ")");
        this.code = code;
    }

    /** The driver's result code. */
    public int code() {
        return code;
    }

    /** Whether the device had too little memory. */
    public boolean isOutOfMemory() {
        return code == CUresult.CUDA_ERROR_OUT_OF_MEMORY;
    }

    /**
     * Turns a result into an exception unless it is a success.
     *
     * @param operation the call and what it was for
     */
    public static void check(String operation, int result) throws CudaException {
        if (result != CUresult.CUDA_SUCCESS) {
            throw new CudaException(operation, result);
        }
    }
}
