package io.lmcache.backend.gds;

import io.lmcache.api.LmcacheException;
import io.lmcache.api.option.SharedOptions.CufileUse;
import io.lmcache.api.spi.BackendContext;
import io.lmcache.api.spi.Finding;
import io.lmcache.backend.gds.cufile.CufileDriver;
import io.lmcache.backend.gds.diagnosis.BarCheck;
import io.lmcache.backend.gds.diagnosis.BufferCheck;
import io.lmcache.backend.gds.diagnosis.CufileCheck;
import io.lmcache.backend.gds.diagnosis.DriverCheck;
import io.lmcache.backend.gds.diagnosis.Machine;
import io.lmcache.backend.gds.diagnosis.PageLockCheck;
import io.lmcache.chunkfiles.diagnosis.Amounts;
import io.lmcache.chunkfiles.diagnosis.Reason;
import io.lmcache.cuda.CudaAvailability;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaDriver;
import io.lmcache.cuda.DeviceMemoryInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What stands for and against GPU memory and storage meeting: the machine first, then each directory. For one thread.
 *
 * <p>Ends where nothing more can be told: without a driver there is no device, without a device no path.
 */
final class GdsDiagnosis {
    private final GdsSettings settings;
    private final BackendContext context;
    private final Machine machine;
    private final List<Finding> findings = new ArrayList<>();

    GdsDiagnosis(GdsSettings settings, BackendContext context, Machine machine) {
        this.settings = settings;
        this.context = context;
        this.machine = machine;
    }

    List<Finding> findings() {
        switch (CudaDriver.availability()) {
            case CudaAvailability.Unavailable(String reason, String remedy) -> {
                findings.add(Finding.problem("driver", reason, remedy));
                findings.add(new PageLockCheck(machine).finding());
            }
            case CudaAvailability.Available available -> examine(available);
        }
        return findings;
    }

    private void examine(CudaAvailability.Available cuda) {
        findings.add(new DriverCheck(machine).driver(cuda));
        int own = settings.device();
        for (int ordinal = 0; ordinal < cuda.devices(); ordinal++) {
            if (ordinal != own) {
                examineOther(ordinal);
            }
        }
        try (CudaDevice device = CudaDevice.open(own)) {
            examine(device);
        } catch (IOException | LmcacheException e) {
            findings.add(Finding.problem("device " + own, Reason.of(e), "see nvidia-smi, and who else uses it"));
        }
    }

    private void examineOther(int ordinal) {
        try (CudaDevice device = CudaDevice.open(ordinal)) {
            findings.add(description(device, device.memoryInfo()));
        } catch (IOException | LmcacheException e) {
            findings.add(Finding.note("device " + ordinal, Reason.of(e), "see nvidia-smi, and who else uses it"));
        }
    }

    private static Finding description(CudaDevice device, DeviceMemoryInfo memory) {
        return Finding.ok(
                "device " + device.ordinal(),
                device.name() + ", " + Amounts.bytes(memory.freeBytes()) + " of " + Amounts.bytes(memory.totalBytes())
                        + " free");
    }

    private void examine(CudaDevice device) throws IOException {
        DeviceMemoryInfo memory = device.memoryInfo();
        BufferCheck buffer = new BufferCheck(memory, settings.bufferBytes());
        findings.add(description(device, memory));
        findings.add(buffer.finding());
        findings.add(new BarCheck(machine, device.pciAddress(), settings.bufferBytes()).finding());
        findings.add(new PageLockCheck(machine).finding());
        examineCufile();
        if (buffer.fits()) {
            for (Path path : settings.files().directory().paths()) {
                findings.addAll(new PathDiagnosis(settings, context, machine, device, path).findings());
            }
        }
    }

    private void examineCufile() {
        if (settings.useCufile() == CufileUse.FALSE) {
            findings.add(Finding.ok("libcufile", "not used: use_cufile is false"));
            return;
        }
        CufileCheck cufile = new CufileCheck(machine);
        DriverCheck drivers = new DriverCheck(machine);
        try (CufileDriver driver = CufileDriver.open(settings.cufileLibrary())) {
            findings.add(cufile.library(driver));
            findings.add(drivers.nvidiaFs(driver.properties()));
            findings.add(drivers.peerToPeer(driver.properties()));
        } catch (IOException e) {
            findings.add(withoutCufile(e));
        }
        findings.add(cufile.configuration());
    }

    private Finding withoutCufile(IOException failure) {
        String reason = Reason.of(failure);
        String remedy = "install libcufile 1.8 or later, or set use_cufile to false to do without";
        return settings.useCufile() == CufileUse.TRUE
                ? Finding.problem("libcufile", reason, remedy)
                : Finding.note("libcufile", reason, remedy);
    }
}
