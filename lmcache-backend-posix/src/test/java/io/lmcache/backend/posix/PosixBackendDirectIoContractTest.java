package io.lmcache.backend.posix;

/** The backend passes the contract with O_DIRECT, or with the fallback where the temporary directory refuses it. */
class PosixBackendDirectIoContractTest extends PosixBackendContractTest {
    @Override
    String useDirectIo() {
        return "true";
    }
}
