const blocks: Buffer[] = [];
while (true) blocks.push(Buffer.alloc(16 << 20, 1));
