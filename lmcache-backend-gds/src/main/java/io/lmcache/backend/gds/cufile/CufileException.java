package io.lmcache.backend.gds.cufile;

import java.io.IOException;
import java.util.Map;

/** A libcufile call that failed: which one, on what, and with which code. */
public final class CufileException extends IOException {
    private static final long serialVersionUID = 1L;

    /** What a read or write returns when the trouble is the file's, told by {@code errno}. */
    static final int SYSTEM_ERROR = -1;

    static final int CUDA_DRIVER_ERROR = 5011;
    static final int DRIVER_ALREADY_OPEN = 5026;

    private static final Map<Integer, String> NAMES = Map.ofEntries(
            Map.entry(5001, "driver not initialised"),
            Map.entry(5002, "driver has invalid properties"),
            Map.entry(5003, "driver limit reached"),
            Map.entry(5004, "driver version mismatch"),
            Map.entry(5005, "driver version too old"),
            Map.entry(5006, "driver is closing"),
            Map.entry(5007, "platform not supported"),
            Map.entry(5008, "I/O not supported on this file"),
            Map.entry(5009, "device not supported"),
            Map.entry(5010, "nvidia-fs driver error"),
            Map.entry(CUDA_DRIVER_ERROR, "CUDA driver error"),
            Map.entry(5012, "bad device pointer"),
            Map.entry(5013, "bad memory type"),
            Map.entry(5014, "pointer out of range"),
            Map.entry(5015, "no CUDA context"),
            Map.entry(5016, "bad mapping size"),
            Map.entry(5017, "bad mapping range"),
            Map.entry(5018, "file type not supported"),
            Map.entry(5019, "open flags not supported"),
            Map.entry(5020, "file not opened with O_DIRECT"),
            Map.entry(5022, "invalid value"),
            Map.entry(5023, "memory already registered"),
            Map.entry(5024, "memory not registered"),
            Map.entry(5025, "permission denied"),
            Map.entry(DRIVER_ALREADY_OPEN, "driver already open"),
            Map.entry(5027, "file handle not registered"),
            Map.entry(5028, "file handle already registered"),
            Map.entry(5029, "device not found"),
            Map.entry(5030, "internal error"),
            Map.entry(5031, "no new file descriptor"),
            Map.entry(5033, "nvidia-fs setup failed"),
            Map.entry(5034, "I/O disabled by configuration"),
            Map.entry(5035, "batch not submitted"),
            Map.entry(5036, "GPU memory cannot be pinned"),
            Map.entry(5037, "batch queue full"),
            Map.entry(5038, "asynchronous I/O not supported"));

    private final int code;

    private CufileException(String operation, int code, String detail) {
        super(operation + " failed: " + NAMES.getOrDefault(code, "unknown cuFile error") + " (" + code + detail + ")");
        this.code = code;
    }

    /** A failed call that answered with a status. */
    static CufileException ofStatus(String operation, int code, int cudaResult) {
        return new CufileException(operation, code, code == CUDA_DRIVER_ERROR ? ", CUDA result " + cudaResult : "");
    }

    /** A failed read or write that answered with the negative of a cuFile code. */
    static CufileException ofResult(String operation, long result) {
        return new CufileException(operation, Math.toIntExact(-result), "");
    }

    /** The cuFile code, such as 5030. */
    public int code() {
        return code;
    }
}
