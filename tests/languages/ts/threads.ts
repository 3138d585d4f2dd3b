import {Worker, isMainThread, workerData} from "worker_threads";
if (isMainThread) {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  let left: number = 4;
  for (let i = 0; i < 4; i++)
    new Worker(import.meta.path, {workerData: shared}).on("exit", () => --left || console.log(shared[0]));
} else {
  for (let i = 0; i < 1000; i++) Atomics.add(workerData as Int32Array, 0, 1);
}
