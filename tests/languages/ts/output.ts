for (let i = 0; i < 5 << 10; i++) console.log("x".repeat(1023));
