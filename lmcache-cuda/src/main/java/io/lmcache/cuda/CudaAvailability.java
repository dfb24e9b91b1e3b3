package io.lmcache.cuda;

/** Whether this process can use CUDA devices. */
public sealed interface CudaAvailability {
    /**
     * The driver is there and answers.
     *
     * @param devices the number of devices this process sees; may be 0
     * @param driverVersion the newest CUDA version that the driver supports, such as 13000 for 13.0
     */
    record Available(int devices, int driverVersion) implements CudaAvailability {}

    /**
     * There is no driver, or it does not answer.
     *
     * @param reason why
     * @param remedy what to do
     */
    record Unavailable(String reason, String remedy) implements CudaAvailability {}
}
