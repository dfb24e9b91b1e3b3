package io.lmcache.backend.gds.cufile;

/**
 * What libcufile says of itself: what it could do past the CPU, not what it does with a given file.
 *
 * @param nvidiaFsMajor the major version of the kernel module nvidia-fs; 0 when it is not loaded
 * @param fileSystems bits of {@code CUfileDriverStatusFlags}
 * @param features bits of {@code CUfileFeatureFlags}
 */
public record CufileProperties(int nvidiaFsMajor, int fileSystems, int features) {
    private static final int PEER_TO_PEER = 4;

    /** Whether NVMe drives can reach GPU memory without nvidia-fs, by the kernel's peer-to-peer DMA. */
    public boolean peerToPeer() {
        return isSet(features, PEER_TO_PEER);
    }

    /** Whether nvidia-fs is loaded and supports a target. */
    public boolean supports(DirectTarget target) {
        return nvidiaFsMajor > 0 && isSet(fileSystems, target.statusBit());
    }

    private static boolean isSet(int bits, int bit) {
        return (bits >>> bit & 1) == 1;
    }
}
